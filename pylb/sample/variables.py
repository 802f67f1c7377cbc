"""Variables: named, typed values that live as long as a process, session, stream, request or response.

A name is `<scope>.<name>`; the scopes are proc, sess, txn, req, res and check. Values are `Typed`. Storage is a plain
dict per owner, made on first use: `session.variables`, `stream.variables` (txn, req, res and check together, keys with
their scope) and one for the process. Reading a variable whose owner does not exist is a MISS, writing one does nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pylb.sample.values import MISS, Absent, Fetch, Typed

SCOPES: Final = ("proc", "sess", "txn", "req", "res", "check")

# The proc scope of this worker. A change must be replayed to other workers, once there are several.
process: dict[str, Typed] = {}


class Name(NamedTuple):
    """A checked variable name; `key` is the text with its scope, under which the value is stored."""

    scope: str
    key: str


_allowed = re.compile(r"[A-Za-z0-9_.]*+").match


def parse_name(text: str | bytes) -> Name:
    """Checks a name; ValueError carries HAProxy's message."""
    name = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text
    if not name:
        raise ValueError("Empty variable name cannot be accepted")
    scope, _, rest = name.partition(".")
    if scope not in SCOPES or not rest:
        raise ValueError(
            f"invalid variable name '{name}'. A variable name must be start by its scope. "
            "The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'"
        )
    legal = _allowed(rest)
    if legal is not None and legal.end() < len(rest):
        raise ValueError(f"invalid syntax at char '{rest[legal.end() :]}'")
    return Name(scope, name)


def reader(name: Name) -> Fetch:
    """closure(ctx) -> Typed | MISS."""
    key = name.key
    if name.scope == "proc":
        return lambda ctx: process.get(key, MISS)
    if name.scope == "sess":

        def read_session(ctx: Any) -> Typed | Absent:
            session = ctx.session
            store = session.variables if session is not None else None
            return MISS if store is None else store.get(key, MISS)

        return read_session

    def read_stream(ctx: Any) -> Typed | Absent:
        stream = ctx.stream
        store = stream.variables if stream is not None else None
        return MISS if store is None else store.get(key, MISS)

    return read_stream


def _store(scope: str) -> Callable[[Any], dict[str, Typed] | None]:
    """closure(ctx) -> the dict to write to, or None where the scope has no owner."""
    if scope == "proc":
        return lambda ctx: process

    def session_store(ctx: Any) -> dict[str, Typed] | None:
        owner = ctx.session if scope == "sess" else ctx.stream
        if owner is None:
            return None
        store: dict[str, Typed] | None = owner.variables
        if store is None:
            store = owner.variables = {}
        return store

    return session_store


def writer(name: Name) -> Callable[[Any, Typed], None]:
    """closure(ctx, value) that stores a typed value."""
    store_of, key = _store(name.scope), name.key

    def write(ctx: Any, value: Typed) -> None:
        store = store_of(ctx)
        if store is not None:
            store[key] = value

    return write


def eraser(name: Name) -> Callable[[Any], None]:
    """closure(ctx) that forgets a variable."""
    store_of, key = _store(name.scope), name.key

    def erase(ctx: Any) -> None:
        store = store_of(ctx)
        if store is not None:
            store.pop(key, None)

    return erase


_EMPTYABLE: Final = ("str", "bin")
Test = Callable[[Any, Typed], bool]  # (the variable as it was | MISS, what is to be stored) -> whether to store it


def _empty(old: Any, new: Typed) -> bool:
    return new.type in _EMPTYABLE and not new.value


def _comparable(old: Any, new: Typed) -> bool:
    return old is not MISS and old.type == "int" and new.type == "int"


_CONDITIONS: Final[dict[str, Test]] = {
    "ifexists": lambda old, new: old is not MISS,
    "ifnotexists": lambda old, new: old is MISS,
    "ifset": lambda old, new: old is not MISS,
    "ifnotset": lambda old, new: old is MISS,
    "ifempty": _empty,
    "ifnotempty": lambda old, new: not _empty(old, new),
    "ifgt": lambda old, new: not _comparable(old, new) or old.value > new.value,
    "iflt": lambda old, new: not _comparable(old, new) or old.value < new.value,
}


def test_of(condition: str, name: Name) -> Test | None:
    """What a condition of set-var asks, None when it is unknown. Variables of the process exist since the configuration
    named them, set or not (observed)."""
    if name.scope == "proc" and condition in ("ifexists", "ifnotexists"):
        answer = condition == "ifexists"
        return lambda old, new: answer
    return _CONDITIONS.get(condition)


def get(ctx: Any, name: str) -> Typed | Absent:
    """The value of a variable by its text name, for code that runs rarely (runtime API, scripts)."""
    value: Typed | Absent = reader(parse_name(name))(ctx)
    return value


def set(ctx: Any, name: str, value: Typed) -> None:
    writer(parse_name(name))(ctx, value)


def unset(ctx: Any, name: str) -> None:
    eraser(parse_name(name))(ctx)


def end_scope(ctx: Any, scope: str) -> None:
    """Forgets all variables of a stream's scope: req when the response begins, all at the end of the stream."""
    stream = ctx.stream
    store = stream.variables if stream is not None else None
    if store:
        prefix = scope + "."
        for key in [key for key in store if key.startswith(prefix)]:
            del store[key]
