"""Credentials in requests and userlists (manual 3.4, 7.3.6; RFC 7617, RFC 6750)."""

from __future__ import annotations

import base64
import binascii
import ctypes
import functools
import hmac
from collections.abc import Callable
from typing import Any, NamedTuple

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
    if len(rest) % 4:
        return None  # surplus padding, which the decoder lets pass
    return Credentials(known, user, password, b"") if colon else None


def credentials(ctx: Any) -> Any:
    """Credentials of the request; those for a proxy with `option http-use-proxy-header` and an absolute target."""
    request = ctx.request or early(ctx)
    if not request:
        return request
    proxied = not request.target.startswith(b"/") and "http-use-proxy-header" in ctx.frontend.options
    wanted = b"proxy-authorization" if proxied else b"authorization"
    for f in request.fields:
        if f[0] == wanted:
            return _split(f[1]) or MISS
    return MISS


def _library() -> Any:
    """The system's crypt(3), loaded once while the configuration is read: later there may be no file system."""
    for name in ("libcrypt.so.1", "libcrypt.so.2"):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.crypt.restype = ctypes.c_char_p
        library.crypt.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
        return library
    return None


@functools.cache
def crypt_function() -> Callable[[bytes, bytes], bytes | None] | None:
    """crypt(3) as a function of password and stored hash, or None where the system has none."""
    library = _library()
    if library is None:
        return None

    def crypt(password: bytes, stored: bytes) -> bytes | None:
        made: bytes | None = library.crypt(password, stored)
        return None if made is None or made.startswith(b"*") else made

    return crypt


def check_crypt(stored: bytes) -> None:
    """Refuses a password whose scheme this system cannot compute, instead of one that never matches."""
    crypt = crypt_function()
    if crypt is None:
        raise ValueError("no crypt(3) library on this system: use 'insecure-password'")
    if crypt(b"", stored) is None:
        raise ValueError(f"no crypt(3) scheme for password '{stored.decode('utf-8', 'surrogateescape')}'")


class Users:
    """A userlist as the fetches use it: record values "users" and "groups" with names as bytes."""

    __slots__ = ("groups", "passwords")

    def __init__(self, record: Any) -> None:
        self.passwords: dict[bytes, tuple[bytes, bool]] = {}
        for user in record.get("users", {}).values():
            if user.password is not None:
                stored = octets(user.password)
                if not user.clear:
                    check_crypt(stored)
                self.passwords[octets(user.name)] = (stored, user.clear)
        self.groups: dict[bytes, list[bytes]] = {}
        for group, members in record.get("groups", {}).items():
            for member in members:
                self.groups.setdefault(octets(member), []).append(octets(group))

    def check(self, user: bytes, password: bytes) -> bool:
        known = self.passwords.get(user)
        if known is None:
            return False
        stored, clear = known
        if not clear:
            crypt = crypt_function()
            made = crypt(password, stored) if crypt is not None and b"\0" not in password else None
            return made is not None and hmac.compare_digest(made, stored)
        return bool(stored) and hmac.compare_digest(stored, password)

    def groups_of(self, user: bytes) -> list[bytes]:
        return self.groups.get(user, [])


def _authenticated(record: Any) -> tuple[Users, Callable[[Any], Any]]:
    """closure(ctx) -> the user's name, None when the credentials are wrong, MISS without any."""
    users = Users(record)

    def read(ctx: Any) -> Any:
        given = credentials(ctx)
        if isinstance(given, Absent):
            return given
        if given.scheme != b"Basic":
            return MISS
        return given.user if users.check(given.user, given.password) else None

    return users, read


@fetch("http_auth", out="bool", scope=Scope.REQUEST_DATA, args=("userlist",))
def http_auth(userlist: Any) -> Fetch:
    """True when the request carries a user and password (Basic) that the userlist knows."""
    _, user = _authenticated(userlist)

    def read(ctx: Any) -> Any:
        found = user(ctx)
        return found if isinstance(found, Absent) else found is not None

    return read


@fetch("http_auth_group", out="str", scope=Scope.REQUEST_DATA, args=("userlist",))
def http_auth_group(userlist: Any) -> Occurrences:
    """Name of the authenticated user; ACLs compare their patterns with each of the user's groups."""
    users, user = _authenticated(userlist)

    def value(ctx: Any) -> Any:
        found = user(ctx)
        return MISS if found is None else found

    def each(ctx: Any) -> Any:
        found = user(ctx)
        if isinstance(found, Absent):
            return found
        return () if found is None else users.groups_of(found)

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
