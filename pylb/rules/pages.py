"""Error pages and reason phrases, byte for byte as HAProxy sends them (observed on the wire, 2.6).

The pages have phrases of their own, which differ here and there from those of `return` and `set-status`.
"""

from __future__ import annotations

from typing import Final

_PAGES: Final[tuple[tuple[int, bytes, bytes], ...]] = (
    (200, b"OK", b"Service ready."),
    (400, b"Bad request", b"Your browser sent an invalid request."),
    (401, b"Unauthorized", b"You need a valid user and password to access this content."),
    (403, b"Forbidden", b"Request forbidden by administrative rules."),
    (404, b"Not Found", b"The resource could not be found."),
    (
        405,
        b"Method Not Allowed",
        b"A request was made of a resource using a request method not supported by that resource",
    ),
    (407, b"Unauthorized", b"You need a valid user and password to access this content."),
    (408, b"Request Time-out", b"Your browser didn't send a complete request in time."),
    (410, b"Gone", b"The resource is no longer available and will not be available again."),
    (413, b"Payload Too Large", b"The request entity exceeds the maximum allowed."),
    (421, b"Misdirected Request", b"Request sent to a non-authoritative server."),
    (422, b"Unprocessable Content", b"The server cannot process the contained instructions."),
    (425, b"Too Early", b"Your browser sent early data."),
    (429, b"Too Many Requests", b"You have sent too many requests in a given amount of time."),
    (500, b"Internal Server Error", b"An internal server error occurred."),
    (501, b"Not Implemented", b".The server does not support the functionality required to fulfill the request."),
    (502, b"Bad Gateway", b"The server returned an invalid or incomplete response."),
    (503, b"Service Unavailable", b"No server is available to handle this request."),
    (504, b"Gateway Time-out", b"The server didn't respond in time."),
)

PAGE_REASONS: Final = {status: reason for status, reason, _ in _PAGES}
BODIES: Final = {
    status: b"<html><body><h1>%d %b</h1>\n%b\n</body></html>\n" % (status, reason, text)
    for status, reason, text in _PAGES
}

REASONS: Final[dict[int, bytes]] = {
    100: b"Continue",
    101: b"Switching Protocols",
    102: b"Processing",
    200: b"OK",
    201: b"Created",
    202: b"Accepted",
    203: b"Non-Authoritative Information",
    204: b"No Content",
    205: b"Reset Content",
    206: b"Partial Content",
    207: b"Multi-Status",
    210: b"Content Different",
    226: b"IM Used",
    300: b"Multiple Choices",
    301: b"Moved Permanently",
    302: b"Moved Temporarily",
    303: b"See Other",
    304: b"Not Modified",
    305: b"Use Proxy",
    307: b"Temporary Redirect",
    308: b"Permanent Redirect",
    310: b"Too many Redirects",
    400: b"Bad Request",
    401: b"Unauthorized",
    402: b"Payment Required",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    406: b"Not Acceptable",
    407: b"Proxy Authentication Required",
    408: b"Request Time-out",
    409: b"Conflict",
    410: b"Gone",
    411: b"Length Required",
    412: b"Precondition Failed",
    413: b"Request Entity Too Large",
    414: b"Request-URI Too Long",
    415: b"Unsupported Media Type",
    416: b"Requested range unsatisfiable",
    417: b"Expectation failed",
    418: b"I'm a teapot",
    421: b"Misdirected Request",
    422: b"Unprocessable Content",
    423: b"Locked",
    424: b"Method failure",
    425: b"Too Early",
    426: b"Upgrade Required",
    428: b"Precondition Required",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    449: b"Retry With",
    450: b"Blocked by Windows Parental Controls",
    451: b"Unavailable For Legal Reasons",
    456: b"Unrecoverable Error",
    499: b"client has closed connection",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    502: b"Bad Gateway or Proxy Error",
    503: b"Service Unavailable",
    504: b"Gateway Time-out",
    505: b"HTTP Version not supported",
    506: b"Variant also negotiate",
    507: b"Insufficient storage",
    508: b"Loop detected",
    509: b"Bandwidth Limit Exceeded",
    510: b"Not extended",
    511: b"Network authentication required",
    520: b"Web server is returning an unknown error",
}

_CLASSES: Final = (b"Informational", b"Success", b"Redirection", b"Client Error", b"Server Error")


def reason_of(status: int) -> bytes:
    """Reason phrase of a status, or the name of its class."""
    found = REASONS.get(status)
    if found is not None:
        return found
    return _CLASSES[status // 100 - 1] if 100 <= status < 600 else b"Other"
