"""Frequent ACL shapes as one closure: the fetch and the match written out together.

A peephole over compiled terms, never needed for correctness: whatever is odd (no head yet, an absolute target, a list
of values in one field) goes to the generic closure. It knows four fetches of another room by what they are documented
to read (path, url, method, request header fields); tests hold both forms against each other. A Python call costs
40-60 ns, and the generic form makes two or three of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pylb.http.message import HOST

if TYPE_CHECKING:
    from pylb.sample.acl import Check, Term
    from pylb.sample.patterns import PatternList

Test = Callable[[Any], bool]
_MANY: Final = 50  # more prefixes than this are looked up by length, not tried in turn


def fuse(term: Term, test: Test, generic: Check) -> Check | None:
    """The fused closure of a term, or None when there is none for its shape. `generic` takes the odd cases."""
    expression = term.expression
    shape = _SHAPES.get(expression.fetch.name)
    if shape is None or (expression.converters and not _only_lower(term)):
        return None
    return shape(term, test, generic)


def _only_lower(term: Term) -> bool:
    """`req.hdr(name),lower -m str`: the lowered value against patterns as they are."""
    expression = term.expression
    return (
        expression.fetch.name in ("req.hdr", "req.fhdr")
        and [node.name for node in expression.converters] == ["lower"]
        and term.patterns.method in ("str", "beg", "end")
        and _texts(term.patterns) is not None
    )


def _texts(patterns: PatternList) -> tuple[bytes, ...] | None:
    """The patterns, when they are few enough, all case-sensitive and not from files."""
    if patterns.single_case() is not False or len(patterns.patterns) > _MANY:
        return None
    return tuple(patterns.texts(False))


def _path(term: Term, test: Test, generic: Check) -> Check | None:
    """path with beg, end or str, on targets that begin with a slash."""
    patterns = term.patterns
    folded = patterns.single_case()
    if folded is None or len(patterns.patterns) > _MANY:
        return None
    texts = tuple(patterns.texts(folded))
    if patterns.method == "beg" and all(text[:1] == b"/" and b"?" not in text for text in texts):
        return _path_begins(texts[0] if len(texts) == 1 else texts, folded, generic)
    if patterns.method == "end":
        return _path_ends(texts, folded, generic)
    if patterns.method == "str":
        return _path_is(frozenset(texts), folded, generic)
    return None


def _path_begins(prefixes: Any, folded: bool, generic: Check) -> Check:
    # A prefix has no question mark: the target begins with it exactly when the path does.
    def check(ctx: Any) -> Any:
        request = ctx.request
        if request is None:
            return generic(ctx)
        target = request.target
        if folded:
            target = target.lower()
        if target.startswith(prefixes):
            return True
        return False if target.startswith(b"/") else generic(ctx)

    return check


def _path_ends(suffixes: tuple[bytes, ...], folded: bool, generic: Check) -> Check:
    def check(ctx: Any) -> Any:
        request = ctx.request
        if request is None:
            return generic(ctx)
        target = request.target
        if not target.startswith(b"/"):
            return generic(ctx)
        if folded:
            target = target.lower()
        if b"?" in target:
            return target[: target.index(b"?")].endswith(suffixes)
        return target.endswith(suffixes)

    return check


def _path_is(wanted: frozenset[bytes], folded: bool, generic: Check) -> Check:
    def check(ctx: Any) -> Any:
        request = ctx.request
        if request is None:
            return generic(ctx)
        target = request.target
        if not target.startswith(b"/"):
            return generic(ctx)
        if folded:
            target = target.lower()
        if b"?" in target:
            return target[: target.index(b"?")] in wanted
        return target in wanted

    return check


def _url(term: Term, test: Test, generic: Check) -> Check | None:
    patterns = term.patterns
    texts = _texts(patterns)
    if texts is None or patterns.method not in ("beg", "str"):
        return None
    if patterns.method == "str":
        wanted = frozenset(texts)

        def is_one(ctx: Any) -> Any:
            request = ctx.request
            return generic(ctx) if request is None else request.target in wanted

        return is_one

    def begins(ctx: Any) -> Any:
        request = ctx.request
        return generic(ctx) if request is None else request.target.startswith(texts)

    return begins


def _method(term: Term, test: Test, generic: Check) -> Check | None:
    texts = _texts(term.patterns)
    if texts is None or term.patterns.method != "str":
        return None
    if len(texts) == 1:
        (only,) = texts

        def is_one(ctx: Any) -> Any:
            request = ctx.request
            return generic(ctx) if request is None else request.method == only

        return is_one
    wanted = frozenset(texts)

    def is_any(ctx: Any) -> Any:
        request = ctx.request
        return generic(ctx) if request is None else request.method in wanted

    return is_any


def _fields(whole: bool) -> Callable[[Term, Test, Check], Check | None]:
    """Request fields by name, all occurrences. Unless `whole`, a field with a comma is a list: generic."""

    def shape(term: Term, test: Test, generic: Check) -> Check | None:
        bound = term.expression.fetch.arguments
        if len(bound) != 1 or not bound[0]:
            return None
        name = bytes(bound[0]).lower()
        patterns = term.patterns
        if patterns.method == "found":
            return _field_found(name, generic)
        if patterns.takes != "str" or patterns.method == "len":
            return None
        case = patterns.single_case()
        if case is not None and patterns.method in ("str", "beg", "end"):
            texts = patterns.texts(case)
            folded = case or bool(term.expression.converters)
            if patterns.method == "str":
                return _field_is(name, frozenset(texts), folded, whole, generic)
            if len(texts) <= _MANY:
                return _field_bounded(name, tuple(texts), patterns.method == "end", folded, whole, generic)
        return _field_tested(name, test, whole, generic)

    return shape


def _field_found(name: bytes, generic: Check) -> Check:
    def check(ctx: Any) -> Any:
        request = ctx.request
        if request is None:
            return generic(ctx)
        for field in request.fields:  # noqa: SIM110 - any() makes a generator per evaluation
            if field[0] == name:
                return True
        return False

    return check


def _field_is(name: bytes, wanted: frozenset[bytes], folded: bool, whole: bool, generic: Check) -> Check:
    if folded:

        def check_folded(ctx: Any) -> Any:
            request = ctx.request
            if request is None:
                return generic(ctx)
            for field in request.fields:
                if field[0] == name:
                    value = field[1]
                    if not whole and b"," in value:
                        return generic(ctx)
                    if value.lower() in wanted:
                        return True
            return False

        return check_folded

    def check(ctx: Any) -> Any:
        request = ctx.request
        if request is None:
            return generic(ctx)
        for field in request.fields:
            if field[0] == name:
                value = field[1]
                if not whole and b"," in value:
                    return generic(ctx)
                if value in wanted:
                    return True
        return False

    return check


def _field_bounded(
    name: bytes, texts: tuple[bytes, ...], at_end: bool, folded: bool, whole: bool, generic: Check
) -> Check:
    """beg and end."""
    if name == b"host":
        return _host_bounded(texts, at_end, folded, whole, generic)

    def check(ctx: Any) -> Any:
        request = ctx.request
        if request is None:
            return generic(ctx)
        for field in request.fields:
            if field[0] == name:
                value = field[1]
                if not whole and b"," in value:
                    return generic(ctx)
                if folded:
                    value = value.lower()
                if value.endswith(texts) if at_end else value.startswith(texts):
                    return True
        return False

    return check


def _host_bounded(texts: tuple[bytes, ...], at_end: bool, folded: bool, whole: bool, generic: Check) -> Check:
    """Likewise for Host, the name that most conditions ask for: its kind is compared faster than its name."""

    def check(ctx: Any) -> Any:
        request = ctx.request
        if request is None:
            return generic(ctx)
        for field in request.fields:
            if field[3] == HOST:
                value = field[1]
                if not whole and b"," in value:
                    return generic(ctx)
                if folded:
                    value = value.lower()
                if value.endswith(texts) if at_end else value.startswith(texts):
                    return True
        return False

    return check


def _field_tested(name: bytes, test: Test, whole: bool, generic: Check) -> Check:
    def check(ctx: Any) -> Any:
        request = ctx.request
        if request is None:
            return generic(ctx)
        for field in request.fields:
            if field[0] == name:
                value = field[1]
                if not whole and b"," in value:
                    return generic(ctx)
                if test(value):
                    return True
        return False

    return check


def _src(term: Term, test: Test, generic: Check) -> Check | None:
    """src with ip, once the session knows its address."""
    if term.patterns.method != "ip":
        return None

    def check(ctx: Any) -> Any:
        address = ctx.session.src
        return generic(ctx) if address is None else test(address)

    return check


_SHAPES: Final[dict[str, Callable[[Any, Test, Any], Check | None]]] = {
    "src": _src,
    "path": _path,
    "url": _url,
    "method": _method,
    "req.hdr": _fields(whole=False),
    "req.fhdr": _fields(whole=True),
}
