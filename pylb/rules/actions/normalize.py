"""normalize-uri: forms of a target that mean the same become one (manual 4.2; RFC 3986 section 6.2.2).

A normalizer is a function(part of the target) -> the part in normal form, or None when it is malformed and `strict` was
asked for. Those of paths see the path only, `query-sort-by-name` the query, the others the whole target.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pylb.config.words import Words
from pylb.errors import ConfigError
from pylb.http import uri
from pylb.registry import action
from pylb.rules import replies
from pylb.rules.verdicts import Outcome, Verdict
from pylb.sample.site import Site

Act = Callable[[Any], "Verdict | None"]
Normalize = Callable[[bytes], "bytes | None"]

_slashes = re.compile(rb"/{2,}").sub
_triplet = re.compile(rb"%(?:([0-9A-Fa-f]{2})|)")
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def merge_slashes(path: bytes) -> bytes:
    return _slashes(b"/", path)


def strip_dot(path: bytes) -> bytes:
    """Without segments that are a single dot; the slash behind the last one stays."""
    first, *segments = path.split(b"/")
    kept = [segment for segment in segments if segment != b"."]
    if segments and segments[-1] == b".":
        kept.append(b"")
    return b"/".join([first, *kept])


def strip_dotdot(path: bytes, full: bool) -> bytes:
    """Each `..` takes the segment before it along, an empty one too; those at the beginning stay unless `full`."""
    first, *segments = path.split(b"/")
    kept: list[bytes] = []
    for segment in segments:
        if segment != b"..":
            kept.append(segment)
        elif kept and kept[-1] != b"..":
            kept.pop()
        elif not full:
            kept.append(segment)
    if segments and segments[-1] == b"..":
        kept.append(b"")
    return b"/".join([first, *kept])


def _name(part: bytes) -> bytes:
    return part.partition(b"=")[0]


def sort_query(query: bytes) -> bytes:
    """Parameters in the order of their names; equal names keep theirs. Behind a last `&` there is none."""
    parts = query.removesuffix(b"&").split(b"&")
    parts.sort(key=_name)
    return b"&".join(parts)


def _percent(change: Callable[[bytes], bytes], strict: bool) -> Normalize:
    """Every `%XX` changed, in one pass over what was there before. A lone `%` stays, or is malformed."""

    def replace(found: re.Match[bytes]) -> bytes:
        return change(found[1]) if found[1] else found[0]

    def normalize(target: bytes) -> bytes | None:
        if b"%" not in target:
            return target
        if strict and any(found[1] is None for found in _triplet.finditer(target)):
            return None
        return _triplet.sub(replace, target)

    return normalize


def _decoded(digits: bytes) -> bytes:
    code = int(digits, 16)
    return bytes((code,)) if code in _UNRESERVED else b"%" + digits


class _Normalizer(NamedTuple):
    """`part` is "path", "query" or "" for the whole target; `option` may follow the name, or "" for none."""

    part: str
    option: str
    make: Callable[[bool], Normalize]


_NORMALIZERS: Final = {
    "fragment-encode": _Normalizer("", "", lambda _: lambda target: target.replace(b"#", b"%23")),
    "fragment-strip": _Normalizer("", "", lambda _: lambda target: target.partition(b"#")[0]),
    "path-merge-slashes": _Normalizer("path", "", lambda _: merge_slashes),
    "path-strip-dot": _Normalizer("path", "", lambda _: strip_dot),
    "path-strip-dotdot": _Normalizer("path", "full", lambda full: lambda path: strip_dotdot(path, full)),
    "percent-decode-unreserved": _Normalizer("", "strict", lambda strict: _percent(_decoded, strict)),
    "percent-to-uppercase": _Normalizer("", "strict", lambda strict: _percent(lambda d: b"%" + d.upper(), strict)),
    "query-sort-by-name": _Normalizer("query", "", lambda _: sort_query),
}


def on_target(part: str, normalize: Normalize) -> Normalize:
    """The same for a whole target. What has no such part is left alone."""
    if not part:
        return normalize

    def whole(target: bytes) -> bytes | None:
        value = uri.path(target) if part == "path" else uri.query(target)
        if value is None:
            return target
        changed = normalize(value)
        if changed is None or changed == value:
            return target if changed is not None else None
        if part == "path":
            return uri.with_path(target, changed)
        return target.partition(b"?")[0] + b"?" + changed

    return whole


@action("normalize-uri", places="http-request", usage="<normalizer> [full | strict]")
def normalize_uri(words: Words, site: Site) -> Callable[[Any], Act]:
    """Brings the target into a normal form. Experimental in HAProxy: needs `expose-experimental-directives`.

    fragment-encode (`#` becomes %23), fragment-strip; path-merge-slashes, path-strip-dot (`/./`), path-strip-dotdot
    (`/a/../`; with `full` also at the beginning); percent-decode-unreserved (letters, digits, `-._~`) and
    percent-to-uppercase (`%3a`), which with `strict` answer 400 to a `%` without two digits; query-sort-by-name. Each
    does one thing; several rules do several. Manual 4.2.
    """
    if not site.config.globals.get("expose-experimental-directives"):
        raise ConfigError(
            "'normalize-uri' action is experimental, must be allowed via a global 'expose-experimental-directives'",
            site.span,
        )
    name = words.next("missing argument <normalizer>")
    found = _NORMALIZERS.get(name)
    if found is None:
        words.fail(f"unknown normalizer '{name}'")
    chosen = False
    option = words.peek()
    if found.option and option is not None and option not in ("if", "unless"):
        words.next()
        if option != found.option:
            words.fail(f"unknown argument '{option}' for '{name}' normalizer")
        chosen = True
    normalize = on_target(found.part, found.make(chosen))

    def build(program: Any) -> Act:
        malformed = Verdict(Outcome.DENY, replies.default(400))

        def act(ctx: Any) -> Verdict | None:
            request = ctx.request
            target = normalize(request.target)
            if target is None:
                return malformed
            request.target = target
            return None

        return act

    return build
