"""Proxy keywords of balancing: `balance`, `hash-type`, `hash-balance-factor` (manual 4.2).

`balance` keeps a `Balance`: the algorithm's word and the function that builds it for a backend, called once the whole
section is known, because `hash-type` may come before or after it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pylb import registry
from pylb.config.units import parse_integer
from pylb.errors import ConfigError
from pylb.registry import BACK, Kind, keyword
from pylb.sample.scopes import Point
from pylb.sample.site import Site

if TYPE_CHECKING:
    from pylb.balance.algorithm import Algorithm
    from pylb.config.model import ProxyConfig
    from pylb.config.words import Line

_KNOWN: Final = (
    "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'uri', 'url_param', 'hdr(name)' and "
    "'rdp-cookie(name)' options."
)


def kind_of_proxy(config: ProxyConfig) -> str:
    """How HAProxy calls a section in messages: a listen section is a `proxy`."""
    return "proxy" if config.kind == "listen" else config.kind


class Balance(NamedTuple):
    """What `balance` stores. `http` tells that the key is read from HTTP requests only."""

    name: str
    build: Callable[[Any], Algorithm]
    http: bool

    def __call__(self, backend: Any) -> Algorithm:
        return self.build(backend)


class HashType(NamedTuple):
    """What `hash-type` stores."""

    consistent: bool = False
    function: str = "sdbm"
    avalanche: bool = False


@keyword("balance", places=BACK, usage="<algorithm> [<arguments>]")
def balance(line: Line) -> None:
    """How a server is chosen for a client that nothing else binds to one: see the chapter on algorithms."""
    words = line.args()
    if words.end:
        line.set(Balance("roundrobin", registry.find(Kind.BALANCE, "roundrobin").factory(words, None), False))  # type: ignore[union-attr]
        return
    text = words.next()
    name = text.partition("(")[0]
    word = registry.find(Kind.BALANCE, name)
    if word is None or ("(" in text and not word.facts.get("parentheses")):
        words.fail(_KNOWN)
    if word.facts.get("parentheses") == "required" and "(" not in text:
        words.fail(_KNOWN)
    words.use(word)
    site = Site(line.config, line.proxy, "balance", Point.BE_SERVER, line.span, f"balance {name}")
    build = word.factory(words, site)
    if not words.end:
        line.notice(f"'balance {name}' : '{words.peek()}' and what follows is ignored.")
    line.set(Balance(name, build, bool(word.facts.get("http"))))


_FUNCTIONS: Final = ("sdbm", "djb2", "wt6", "crc32", "none")


@keyword("hash-type", places=BACK, usage="<map-based|consistent> [sdbm|djb2|wt6|crc32|none] [avalanche]")
def hash_type(line: Line) -> None:
    """How a hash becomes a server: a `map-based` table of the weights, or the nearest point of a `consistent` ring.

    Then the function that hashes keys (default sdbm), and whether an avalanche step mixes its bits. A bare `consistent`
    has the avalanche step; naming a function leaves it out unless it is named too.
    """
    words = line.args()
    method = words.peek()
    if method == "avalanche":
        raise ConfigError(
            "experimental feature 'hash-type avalanche' is not supported anymore, please use "
            "'hash-type map-based sdbm avalanche' instead.",
            words.span,
        )
    if method not in ("map-based", "consistent"):
        words.fail("'hash-type' only supports 'consistent' and 'map-based'.", last=False)
    words.next()
    consistent = method == "consistent"
    if words.end:
        line.set(HashType(consistent, "sdbm", consistent))
        return
    function = words.next()
    if function not in _FUNCTIONS:
        words.fail("'hash-type' only supports 'sdbm', 'djb2', 'crc32', or 'wt6' hash functions.")
    avalanche = False
    if not words.end:
        if words.accept("avalanche") is None:
            words.fail("'hash-type' only supports 'avalanche' as a modifier for hash functions.", last=False)
        avalanche = True
    line.set(HashType(consistent, function, avalanche))


@keyword("hash-balance-factor", places=BACK, usage="<factor>")
def hash_balance_factor(line: Line) -> None:
    """With `hash-type consistent`: no server may hold more than <factor> per cent of the average load; 0 is off."""
    words = line.args()
    factor = parse_integer(words.next("'hash-balance-factor' expects an integer argument."))
    if factor != 0 and factor <= 100:
        words.fail("'hash-balance-factor' must be 0 or greater than 100.")
    line.set(factor)


@keyword("hash-preserve-affinity", places=BACK, usage="{always | maxconn | maxqueue}")
def hash_preserve_affinity(line: Line) -> None:
    """Which streams may leave the server that `hash-type consistent` names for them: none (the default, they
    wait), those that find all its `maxconn` connections taken, or those that find its queue of `maxqueue` full. They go
    on along the ring; where every server is full, to the last one of that walk. Manual 4.2 (3.x)."""
    words = line.args()
    choice = words.next("'hash-preserve-affinity' expects 'always', 'maxconn' or 'maxqueue'.")
    if choice not in ("always", "maxconn", "maxqueue"):
        words.fail("'hash-preserve-affinity' expects 'always', 'maxconn' or 'maxqueue'.")
    line.set(choice)
