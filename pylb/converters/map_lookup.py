"""Maps: `map_<match>_<output>(<file>[,<default>])` look a value up in a file of keys and values (manual 7.3.1).

The closure holds the `find` of the file's index, which set-map, del-map and the runtime API change in place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from pylb.registry import converter
from pylb.sample import casts, regexes
from pylb.sample.indexes import METHODS, Expressions
from pylb.sample.references import Reference
from pylb.sample.values import MISS

Step = Callable[[Any, Any], Any]

_number = re.compile(rb"[+-]?[0-9]+").fullmatch


def _integer(text: bytes) -> int:
    if not _number(text) or not casts.INT_MIN <= int(text) <= casts.INT_MAX:
        raise ValueError(text)
    return int(text)


_whole_ipv4 = re.compile(rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}").fullmatch


def _address(text: bytes) -> bytes:
    found = casts.to_addr(text) if b":" in text or _whole_ipv4(text) else MISS
    if not isinstance(found, bytes):
        raise ValueError(text)
    return found


# Output -> (type, how a value of the file is read, shape of the default argument).
_OUTPUTS: Final[dict[str, tuple[str, Callable[[bytes], Any] | None, str]]] = {
    "str": ("str", None, "str?"),
    "int": ("int", _integer, "int?"),
    "ip": ("addr", _address, "ip?"),
}
_MATCHES: Final = ("str", "beg", "sub", "dir", "dom", "end", "reg", "int", "ip")


def _lookup(method: str, output: str) -> Callable[..., Step]:
    parse = _OUTPUTS[output][1]

    def factory(reference: Reference, default: Any = MISS) -> Step:
        find = reference.index(method, parse=parse, form=output).find
        if default is MISS:

            def look(value: Any, ctx: Any) -> Any:
                found = find(value)
                return MISS if found is None else found

            return look

        def look_or_default(value: Any, ctx: Any) -> Any:
            found = find(value)
            return default if found is None else found

        return look_or_default

    return factory


def _declare(match: str, output: str) -> None:
    names = [f"map_{match}"] if output == "str" else [f"map_{match}_{output}"]
    if names == ["map_str"]:
        names.append("map")
    type_, _, default = _OUTPUTS[output]
    converter(
        *names,
        takes=METHODS[match].takes,
        out=type_,
        args=("map", default),
        usage="(<map_file>[,<default_value>])",
        doc=f"Looks the input up in <map_file> (match method {match}); the value found is of type {type_}. "
        "Without a match <default_value>, or nothing.",
    )(_lookup(match, output))


for _match in _MATCHES:
    for _output in _OUTPUTS:
        _declare(_match, _output)


@converter("map_regm", takes="str", out="str", args=("map", "str?"), usage="(<map_file>[,<default_value>])")
def map_regm(reference: Reference, default: Any = MISS) -> Step:
    r"""As map_reg, with `\1` and the like in the value replaced by the groups of the match."""
    index = reference.index("reg")
    assert isinstance(index, Expressions)
    templates: dict[bytes, list[bytes | int]] = {}

    def look(value: bytes, ctx: Any) -> Any:
        found = index.find_match(value)
        if found is None:
            return default
        match, regex, text = found
        pieces = templates.get(text)
        if pieces is None:
            pieces = templates[text] = regexes.template(text)
        return regexes.expand(pieces, regex, match)

    return look
