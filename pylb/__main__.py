"""`python -m pylb` is `pylb`."""

import sys

from pylb.main import main

if __name__ == "__main__":
    sys.exit(main())
