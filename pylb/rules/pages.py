"""Error pages, byte for byte as HAProxy sends them (observed on the wire, 2.6).

Their reason phrases differ here and there from those of `return` and `set-status` (http/status.py).
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
