"""Passive HTTP/1 messages as the rest of the proxy sees them: a start line and a list of fields.

A field is an immutable 4-tuple, so that a parsed line can be shared between requests (the line cache of
h1_fast) and written back without formatting it again:

    (name, value, wire, kind)

name   lower case, without surrounding space         value  without surrounding space, bytes as received
wire   b"name: value\r\n", ready to send             kind   0, or one of the constants below (framing and routing)

Request and Response are mutable; rules replace entries of `fields`. Whoever adds a field uses `field()`.
"""

from __future__ import annotations

from typing import Final

Field = tuple[bytes, bytes, bytes, int]

ORDINARY: Final = 0
HOST: Final = 1
CONTENT_LENGTH: Final = 2
TRANSFER_ENCODING: Final = 3
CONNECTION: Final = 4
UPGRADE: Final = 5
EXPECT: Final = 6
KEEP_ALIVE: Final = 7
PROXY_CONNECTION: Final = 8
TE: Final = 9
TRAILER: Final = 10

KINDS: Final[dict[bytes, int]] = {
    b"host": HOST,
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"connection": CONNECTION,
    b"upgrade": UPGRADE,
    b"expect": EXPECT,
    b"keep-alive": KEEP_ALIVE,
    b"proxy-connection": PROXY_CONNECTION,
    b"te": TE,
    b"trailer": TRAILER,
}


def field(name: bytes, value: bytes) -> Field:
    """A field from rules or templates; the name is lowered, the caller vouches for legal bytes."""
    name = name.lower()
    return (name, value, b"%b: %b\r\n" % (name, value), KINDS.get(name, ORDINARY))


class Protocol(int):
    """A version that was not written as HTTP/1.0 or HTTP/1.1: the number that counts, and the text."""

    text: bytes

    @classmethod
    def written(cls, number: int, text: bytes) -> Protocol:
        made = cls(number)
        made.text = text
        return made


def version_text(version: int) -> bytes:
    """A version as it stands in a start line. What counts as 1.1 is sent as that, anything below as it came."""
    if version > 10:
        return b"HTTP/1.1"
    return version.text if isinstance(version, Protocol) else b"HTTP/1.0"


def version_number(version: int) -> bytes | None:
    """`1.1`, or what was received behind the slash; None when there was none."""
    if isinstance(version, Protocol):
        return version.text.partition(b"/")[2] or None
    return b"%d.%d" % divmod(version, 10)


class Request:
    """A request head. Lives from the end of its head to the log line."""

    __slots__ = (
        "method",  # bytes as received
        "target",  # request target as received (rules may replace it)
        "version",  # 10 or 11, or a Protocol of that value
        "fields",  # list[Field]
        "host",  # value of Host (or of the absolute target's authority), None when absent
        "length",  # Content-Length, None when absent or chunked
        "chunked",  # True when the body is chunked
        "close",  # the client asked for the connection to end after this exchange
        "upgrade",  # True: Connection: upgrade with an Upgrade field, body rules of RFC 9110 7.8
        "expect",  # True: Expect: 100-continue
        "head_size",  # bytes of the head on the wire, blank line included
        "raw",  # raw head bytes when the configuration needs them, else b""
        "line",  # the request line as received, without its line feed (captures and logs)
        "body",  # bytes of a buffered body (wait-for-body, http-buffer-request), else b""
        "complete",  # True when `body` holds the whole body
        "held",  # it was kept here until (part of) its body had come: `body` goes out with the head
        "trailers",  # list[Field] received after a chunked body
        "framing",  # the Content-Length or Transfer-Encoding field the body is read by (http.semantics), or None
        "dropped",  # bytes of lines that are part of head_size and no longer among the fields
    )

    def __init__(self, method: bytes, target: bytes, version: int, fields: list[Field]) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
        self.host: bytes | None = None
        self.length: int | None = None
        self.chunked = False
        self.close = version < 11
        self.upgrade = False
        self.expect = False
        self.head_size = 0
        self.raw = b""
        self.line = b""
        self.body = b""
        self.complete = False
        self.held = False
        self.trailers: list[Field] | None = None
        self.framing: Field | None = None
        self.dropped = 0

    silent = False
    """The client asked for a head only, and rules have changed the method: what follows the head is not for it."""

    @property
    def exclusive(self) -> bool:
        """Neither connection may carry another message after it: a transfer coding in HTTP/1.0 (RFC 9112 6.1)."""
        return self.chunked and self.version < 11

    @property
    def has_body(self) -> bool:
        return self.chunked or bool(self.length)


class SilentRequest(Request):
    """What a HEAD request becomes when rules give it another method."""

    __slots__ = ()
    silent = True


class Response:
    """A response head, from a server or made here.

    One that is `shared` stands for every response with the same head (h1_fast.Heads): whoever wants to change
    something in it takes a `copy` first.
    """

    __slots__ = (
        "status",  # int
        "reason",  # bytes
        "version",  # 10 or 11
        "fields",
        "length",  # Content-Length, None when absent
        "chunked",
        "close",  # the server's connection ends after this response
        "bodyless",  # HEAD, 1xx, 204, 304: no body whatever the lengths say
        "upgrade",  # 101, or 2xx to CONNECT: both sides become tunnels
        "head_size",
        "trailers",
        "body",  # bytes of a response made here, else b""
        "framing",  # the Content-Length or Transfer-Encoding field the body is read by (http.semantics), or None
        "dropped",  # as in Request
        "shared",
        "ready",  # of a shared one: its head as it goes to a kept HTTP/1.1 client, once somebody has made it
    )

    def __init__(self, status: int, reason: bytes, fields: list[Field], version: int = 11) -> None:
        self.status = status
        self.reason = reason
        self.version = version
        self.fields = fields
        self.length: int | None = None
        self.chunked = False
        self.close = version < 11
        self.bodyless = False
        self.upgrade = False
        self.head_size = 0
        self.trailers: list[Field] | None = None
        self.body = b""
        self.framing: Field | None = None
        self.dropped = 0
        self.shared = False
        self.ready = b""

    def copy(self) -> Response:
        """A response of one's own with the same head."""
        own = Response(self.status, self.reason, self.fields.copy(), self.version)
        own.length = self.length
        own.chunked = self.chunked
        own.close = self.close
        own.bodyless = self.bodyless
        own.upgrade = self.upgrade
        own.head_size = self.head_size
        own.framing = self.framing
        own.dropped = self.dropped
        return own


class Refusal:
    """Why a head was not taken: the status to answer and the reason for `show errors` and logs.

    status 0 closes without an answer (an empty connection, a server's garbage handled by its caller).
    """

    __slots__ = ("offset", "reason", "status")

    def __init__(self, status: int, reason: str, offset: int = 0) -> None:
        self.status = status
        self.reason = reason
        self.offset = offset
