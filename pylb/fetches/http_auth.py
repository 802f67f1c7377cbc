"""Credentials in requests and userlists (manual 3.4, 7.3.6; RFC 7617, RFC 6750)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, NamedTuple

from pylb.errors import ConfigError
from pylb.fetches.head import early, octets
from pylb.registry import fetch
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Absent, Fetch, Occurrences

_SCHEMES = {b"basic": b"Basic", b"bearer": b"Bearer"}


class Credentials(NamedTuple):
    """The Authorization field, split; user and password of Basic, the token of Bearer."""

    scheme: bytes
    user: bytes
    password: bytes
    token: bytes


def _split(value: bytes) -> Credentials | None:
    scheme, blank, rest = value.partition(b" ")
    known = _SCHEMES.get(scheme.lower())
    rest = rest.strip(b" ")
    if known is None or not blank or not rest:
        return None
    if known == b"Bearer":
        return Credentials(known, b"", b"", rest)
    try:
        user, colon, password = base64.b64decode(rest, validate=True).partition(b":")
    except binascii.Error:
        return None
    return Credentials(known, user, password, b"") if colon else None


def credentials(ctx: Any) -> Any:
    """Credentials of the request at hand; Proxy-Authorization where the target is absolute, as for a proxy."""
    request = ctx.request or early(ctx)
    if not request:
        return request
    wanted = b"authorization" if request.target.startswith(b"/") else b"proxy-authorization"
    for f in request.fields:
        if f[0] == wanted:
            return _split(f[1]) or MISS
    return MISS


def verify(stored: bytes, secure: bool, password: bytes) -> bool:
    """Whether a password fits the stored form: clear text, or crypt(3)."""
    if not secure:
        return stored == password
    import crypt

    try:
        made = crypt.crypt(password.decode("utf-8"), stored.decode("ascii"))
    except (OSError, UnicodeDecodeError):
        return False
    return made is not None and made.encode() == stored


def check_crypt(stored: bytes) -> None:
    """Refuses a password whose scheme this system cannot compute, instead of never matching it."""
    try:
        import crypt

        made = crypt.crypt("", stored.decode("ascii", "replace"))
    except ImportError:
        raise ConfigError("crypt(3) support was not compiled: you must use 'insecure-password'") from None
    except OSError:
        made = None
    if made is None:
        raise ConfigError(f"no usable crypt(3) scheme in password '{stored.decode(errors='replace')}'")


def _authenticated(userlist: Any) -> Callable[[Any], bytes | Absent | None]:
    """closure(ctx) -> the user's name, None when the credentials are wrong, MISS without any."""

    def read(ctx: Any) -> Any:
        given = credentials(ctx)
        if isinstance(given, Absent):
            return given
        if given.scheme != b"Basic":
            return MISS
        return given.user if userlist.check(given.user, given.password) else None

    return read


@fetch("http_auth", out="bool", scope=Scope.REQUEST_DATA, args=("userlist",))
def http_auth(userlist: Any) -> Fetch:
    """True when the request carries a user and password (Basic) that the userlist knows."""
    user = _authenticated(userlist)

    def read(ctx: Any) -> Any:
        found = user(ctx)
        return found if isinstance(found, Absent) else found is not None

    return read


@fetch("http_auth_group", out="str", scope=Scope.REQUEST_DATA, args=("userlist",))
def http_auth_group(userlist: Any) -> Occurrences:
    """Name of the authenticated user; ACLs compare their patterns with each of the user's groups."""
    user = _authenticated(userlist)

    def value(ctx: Any) -> Any:
        found = user(ctx)
        return MISS if found is None else found

    def each(ctx: Any) -> Any:
        found = user(ctx)
        if isinstance(found, Absent):
            return found
        return () if found is None else userlist.groups_of(found)

    return Occurrences(value, each)


def _field(name: str, scheme: bytes | None) -> Callable[[], Fetch]:
    def factory() -> Fetch:
        def read(ctx: Any) -> Any:
            given = credentials(ctx)
            if isinstance(given, Absent):
                return given
            value: bytes = getattr(given, name)
            return value if scheme is None or given.scheme == scheme else MISS

        return read

    return factory


for _name, _attribute, _scheme, _doc in (
    ("http_auth_type", "scheme", None, "Scheme of the Authorization field: `Basic` or `Bearer`."),
    ("http_auth_user", "user", b"Basic", "User name in a Basic Authorization field, not verified."),
    ("http_auth_pass", "password", b"Basic", "Password in a Basic Authorization field."),
):
    fetch(_name, out="str", scope=Scope.REQUEST_DATA, doc=_doc)(_field(_attribute, _scheme))


@fetch("http_auth_bearer", out="str", scope=Scope.REQUEST_DATA, args=("str?",))
def http_auth_bearer(header: Any = None) -> Fetch:
    """Token of a Bearer Authorization field, or of the field <header> in the same form (RFC 6750)."""
    if not header:
        return _field("token", b"Bearer")()
    name = octets(header).lower()

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        if not request:
            return request
        for f in request.fields:
            if f[0] == name:
                scheme, _, token = f[1].partition(b" ")
                token = token.strip(b" ")
                return token if scheme.lower() == b"bearer" and token else MISS
        return MISS

    return read
