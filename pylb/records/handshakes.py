"""The headers that may stand before a client's first byte, and why they fail: HAProxy's numbers and sentences.

The numbers are those of the fetch fc_err, the sentences those of the log and of fc_err_str.
"""

from __future__ import annotations

from typing import Any, Final

PROXY: Final = 1  # which headers, bits of Session.handshakes
NETSCALER: Final = 2

NONE: Final = 0
PROXY_CLOSED: Final = 11
PROXY_FAILED: Final = 12
PROXY_LATE: Final = 13
PROXY_CUT: Final = 14
PROXY_ABSENT: Final = 15
PROXY_INVALID: Final = 16
PROXY_UNHANDLED: Final = 17
CIP_CLOSED: Final = 18
CIP_FAILED: Final = 19
CIP_LATE: Final = 20
CIP_CUT: Final = 21
CIP_MAGIC: Final = 22
CIP_UNHANDLED: Final = 23

MESSAGES: Final[dict[int, bytes]] = {
    NONE: b"Success",
    PROXY_CLOSED: b"Connection closed while waiting for PROXY protocol header",
    PROXY_FAILED: b"Connection error while waiting for PROXY protocol header",
    PROXY_LATE: b"Timeout while waiting for PROXY protocol header",
    PROXY_CUT: b"Truncated PROXY protocol header received",
    PROXY_ABSENT: b"Received something which does not look like a PROXY protocol header",
    PROXY_INVALID: b"Received an invalid PROXY protocol header",
    PROXY_UNHANDLED: b"Received an unhandled protocol in the PROXY protocol header",
    CIP_CLOSED: b"Connection closed while waiting for NetScaler Client IP header",
    CIP_FAILED: b"Connection error while waiting for NetScaler Client IP header",
    CIP_LATE: b"Timeout while waiting for a NetScaler Client IP header",
    CIP_CUT: b"Truncated NetScaler Client IP header received",
    CIP_MAGIC: b"Received an invalid NetScaler Client IP magic number",
    CIP_UNHANDLED: b"Received an unhandled protocol in the NetScaler Client IP header",
}


def failure(session: Any) -> int:
    """The number of a session's failure. The slot is written by handshakes only: it costs the others nothing."""
    code: int = getattr(session, "failure", NONE)
    return code
