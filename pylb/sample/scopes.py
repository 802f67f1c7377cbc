"""When data exists: the 22 check points in the life of a stream, and the windows in which a fetch may be read.

The order and the windows are HAProxy's (`-dKsmp` prints them as 22 columns; see the reference in docs/).
A ruleset evaluates at one or more points; a fetch is valid there when one such point lies in its window, as in HAProxy:
rules of a listen or defaults section may read what exists on one side only, and find nothing on the other.
"""

from __future__ import annotations

import enum


class Point(enum.IntFlag):
    FE_CONNECTION = 1 << 0  # tcp-request connection
    FE_SESSION = 1 << 1  # tcp-request session
    FE_CONTENT = 1 << 2  # tcp-request content of the frontend
    FE_REQUEST = 1 << 3  # http-request of the frontend
    FE_REQUEST_BODY = 1 << 4
    FE_SWITCH = 1 << 5  # use_backend
    BE_CONTENT = 1 << 6
    BE_REQUEST = 1 << 7
    BE_REQUEST_BODY = 1 << 8
    BE_SERVER = 1 << 9  # use-server, balance, stick on
    BE_CONNECT = 1 << 10  # source, sni, set-proxy-v2 ... while connecting
    BE_RESPONSE_CONTENT = 1 << 11
    BE_RESPONSE = 1 << 12
    BE_RESPONSE_BODY = 1 << 13
    BE_STORE = 1 << 14
    FE_RESPONSE_CONTENT = 1 << 15
    FE_RESPONSE = 1 << 16
    FE_RESPONSE_BODY = 1 << 17
    LOG = 1 << 18
    CHECK = 1 << 19
    CONFIG = 1 << 20  # -cc, global set-var
    CLI = 1 << 21


def _window(columns: str) -> Point:
    return Point(sum(1 << i for i, c in enumerate(columns) if c == "Y"))


class Scope(enum.Enum):
    """Windows, named by what they read. Values are the columns in which the data may be read."""

    ANYWHERE = "YYYYYYYYYYYYYYYYYYYYYY"  # constants, dates, random numbers
    INTERNAL = "YYYYYYYYYYYYYYYYYYYY.Y"  # state of proxies, servers, tables, process
    CLIENT = "YYYYYYYYYYYYYYYYYYYY.."  # client connection: addresses, ports
    CLIENT_STREAM = "YYYYYYYYYYYYYYYYYYY..."  # client connection, not in checks
    SESSION = ".YYYYYYYYYYYYYYYYYY..."  # after the handshake: TLS of the client, PROXY header
    REQUEST_DATA = "..YYYYYYYYY..........."  # bytes and body of the request, head while it can change
    REQUEST_INFO = "..YYYYYYYYYYYYYYYYY..."  # facts of the request that are kept until the log
    REQUEST_VARS = "..YYYYYYYYYYYYYYYY.Y.."
    BACKEND = "......YYYYYYYYYYYYYY.."  # once a backend is chosen
    SERVER = ".........YYYYYYYYYY..."  # once a server is chosen
    SERVER_CONNECTION = "..........YYYYYYYYYY.."  # the connection to the server
    RESPONSE_DATA = "...........YYYYYYY.Y.."  # head and body of the response
    RESPONSE_INFO = "...........YYYYYYYYY.."  # facts of the response that are kept until the log

    @property
    def points(self) -> Point:
        return _window(self.value)

    def allows(self, point: Point) -> bool:
        return bool(point & self.points)
