"""The proxy keyword `cookie`: which cookie binds a client to a server, and how (configuration manual, 4.2 `cookie`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pylb.config.shapes import ignore_surplus
from pylb.config.units import BadCharacter, TimeOverflow, parse_time
from pylb.config.words import to_bytes
from pylb.registry import BACK, keyword

if TYPE_CHECKING:
    from collections.abc import Callable

    from pylb.config.words import Line, Words


@dataclass(slots=True)
class CookieRule:
    """What `cookie` stores. `mode` is "", "rewrite", "insert" or "prefix"; times are milliseconds, 0 for none."""

    name: bytes
    mode: str = ""
    indirect: bool = False
    nocache: bool = False
    postonly: bool = False
    preserve: bool = False
    httponly: bool = False
    secure: bool = False
    dynamic: bool = False
    domains: list[bytes] = field(default_factory=list)
    maxidle: int = 0
    maxlife: int = 0
    attributes: list[bytes] = field(default_factory=list)


_FLAGS: Final = ("indirect", "nocache", "postonly", "preserve", "httponly", "secure", "dynamic")
_MODES: Final = ("rewrite", "insert", "prefix")


@keyword(
    "cookie",
    places=BACK,
    usage="<name> [ rewrite | insert | prefix ] [ indirect ] [ nocache ] [ postonly ] [ preserve ] [ httponly ] "
    "[ secure ] [ domain <domain> ]* [ maxidle <idle> ] [ maxlife <life> ] [ dynamic ] [ attr <value> ]*",
)
def cookie(line: Line) -> None:
    """Binds clients to servers by a cookie that the application sets, or that is inserted, rewritten or prefixed.

    maxidle and maxlife count seconds unless they carry a unit.
    """
    words = line.args()
    rule = CookieRule(to_bytes(words.next("'cookie' expects <cookie_name> as argument.")))
    while not words.end:
        word = words.next()
        if word in _MODES:
            if rule.mode and rule.mode != word:
                words.fail("cookie 'rewrite', 'insert' and 'prefix' modes are incompatible.")
            rule.mode = word
        elif word in _FLAGS:
            setattr(rule, word, True)
        elif word in _WITH_VALUE:
            _WITH_VALUE[word](words, rule)
        else:
            words.fail(
                "'cookie' supports 'rewrite', 'insert', 'prefix', 'indirect', 'nocache', 'postonly', 'domain', "
                "'maxidle', 'dynamic', 'maxlife' and 'attr' options."
            )
    if rule.preserve and rule.mode != "insert" and not rule.indirect:
        words.fail("cookie 'preserve' requires at least 'insert' or 'indirect'.")
    line.set(rule)


@keyword("dynamic-cookie-key", places=BACK, usage="<string>")
def dynamic_cookie_key(line: Line) -> None:
    """The secret from which `cookie ... dynamic` computes the values of servers that have none of their own.

    Load balancers with the same key name the same servers alike, by address and port.
    """
    words = line.args()
    line.set(to_bytes(words.next("'dynamic-cookie-key' expects <secret_key> as argument.")))
    ignore_surplus(words)


def _domain(words: Words, rule: CookieRule) -> None:
    domain = words.next("'domain' expects <domain> as argument.")
    if "." not in domain:
        words.line.warning(
            f"domain '{domain}' contains no embedded dot, this configuration may not work properly (see RFC6265#5.2.3)."
        )
    rule.domains.append(to_bytes(domain))


def _maxidle(words: Words, rule: CookieRule) -> None:
    rule.maxidle = _time(words, "maxidle", "idletime")


def _maxlife(words: Words, rule: CookieRule) -> None:
    rule.maxlife = _time(words, "maxlife", "lifetime")


def _attribute(words: Words, rule: CookieRule) -> None:
    value = words.next("'attr' expects <value> as argument.")
    if any(ord(c) < 32 or c in ";\x7f" for c in value):
        words.fail("control characters and semicolons are not permitted in the value of an attribute.")
    rule.attributes.append(to_bytes(value))


def _time(words: Words, name: str, said: str) -> int:
    text = words.next(f"'{name}' expects <{said}> in seconds as argument.")
    try:
        return parse_time(text, "s")
    except BadCharacter as error:
        words.fail(f"unexpected character '{error.character}' in argument to <{name}>.")
    except TimeOverflow:
        words.fail(f"timer overflow in argument <{text}> to <{name}>, maximum value is 2147483647 s (~68 years).")


_WITH_VALUE: Final[dict[str, Callable[[Words, CookieRule], None]]] = {
    "domain": _domain,
    "maxidle": _maxidle,
    "maxlife": _maxlife,
    "attr": _attribute,
}
