"""The words of the language, once for all tests of this room."""

from __future__ import annotations

from pylb import standard

standard.load()
