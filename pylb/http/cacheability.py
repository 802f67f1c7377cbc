"""May a shared cache keep this response, and its cookies with it? (manual 4.2 `option checkcache`, RFC 9111 3.)

HAProxy's judgement, which persistence cookies (`nocache`) and `option checkcache` need: the method and the status allow
it, nothing in Cache-Control or Pragma forbids it, and there is a lifetime or a validator.
"""

from __future__ import annotations

from typing import Final

from pylb.http.lists import items
from pylb.http.message import Field

STATUSES: Final = frozenset((200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501))
METHODS: Final = frozenset((b"GET", b"HEAD"))
_FORBIDDING: Final = (b"private", b"no-cache", b"no-store", b"max-age=0", b"s-maxage=0")


def judge(method: bytes, status: int, fields: list[Field]) -> tuple[bool, bool]:
    """Whether the response may be kept, and whether its cookies may be kept with it."""
    response = cookies = status in STATUSES and method in METHODS
    pragma = lifetime = validator = False
    for name, value, _, _ in fields:
        if name == b"cache-control":
            for directive in items(value):
                directive = directive.lower()
                if directive in _FORBIDDING:
                    response = cookies = False
                elif directive == b"public":
                    response = cookies = True
                elif directive.startswith((b'no-cache="set-cookie', b'no-cache="set-cookie2')):
                    cookies = False
                elif directive.startswith((b"max-age=", b"s-maxage=")):
                    lifetime = True
        elif name == b"pragma":
            pragma = pragma or value.lower() == b"no-cache"
        elif name == b"expires":
            lifetime = True
        elif name in (b"etag", b"last-modified"):
            validator = True
    if pragma or not (lifetime or validator):
        return False, False
    return response, cookies
