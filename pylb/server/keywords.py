"""Proxy keywords about servers and the way to them (configuration manual, chapter 4.2).

retries, option redispatch, retry-on, fullconn, http-reuse, use-server, dispatch, source, option persist, force-persist,
ignore-persist, max-keep-alive-queue and the state file's words. `cookie` is in server/cookie_keyword.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pylb.config.addresses import check_numeric, parse_address
from pylb.config.shapes import ignore_surplus
from pylb.config.units import parse_integer
from pylb.config.words import to_bytes
from pylb.errors import ConfigError, Span
from pylb.registry import BACK, Status, keyword
from pylb.sample import condition, logformat
from pylb.sample.scopes import Point
from pylb.sample.site import Site
from pylb.server.options import take_source

if TYPE_CHECKING:
    from pylb.config.words import Line

RETRIES_DEFAULT: Final = 3


@keyword("retries", places=BACK, usage="<value>", arity=(0, 1))
def retries(line: Line) -> None:
    """How often a failed connection is tried again, 3 unless given; a second apart on the same server."""
    line.set(parse_integer(line.args().next("'retries' expects an integer argument (dispatch counts for one).")))


@keyword("option redispatch", places=BACK, usage="[<interval>]", negatable=True)
def option_redispatch(line: Line) -> None:
    """Lets a retry go to another server.

    Without <interval> (or with -1) the last retry does; with N every N-th, with -N every N-th counted from the last,
    with 0 none. Stores that number, 0 for `no option redispatch`.
    """
    words = line.args()
    if line.negated:
        line.set(0)
    elif words.end:
        line.set(-1)
    else:
        line.set(parse_integer(words.next()))


_RETRY_WORDS: Final = (
    "conn-failure",
    "empty-response",
    "response-timeout",
    "junk-response",
    "0rtt-rejected",
    "all-retryable-errors",
    "none",
)
_RETRY_CODES: Final = ("401", "403", "404", "408", "421", "425", "429", "500", "501", "502", "503", "504")


@keyword("retry-on", places=BACK, usage="{ none | <condition>... }")
def retry_on(line: Line) -> None:
    """Which failures are tried again, at most `retries` times; the default is conn-failure.

    conn-failure: no connection (before anything was sent). empty-response: the connection ended before a response.
    junk-response: what came is no response. response-timeout: nothing came within `timeout server`. A status of 401,
    403, 404, 408, 421, 425, 429, 500 to 504: this response. all-retryable-errors: the first four, 500, 502, 503, 504.
    0rtt-rejected belongs to early data.

    All but conn-failure send a request again that a server may have worked on: any method, so that a rule `http-request
    disable-l7-retry if METH_POST` is wise. Only requests are sent again whose whole body was there when they left (see
    `option http-buffer-request`) and fits into a buffer.
    """
    words = line.args()
    if words.end:
        words.fail("'retry-on' needs at least one keyword to specify when to retry")
    wanted = words.rest()
    if wanted[0] == "none" and len(wanted) > 1:
        words.fail("'retry-on' 'none' keyworld only usable alone")
    for word in wanted:
        if word not in _RETRY_WORDS and word not in _RETRY_CODES:
            words.fail(f"'retry-on': unknown keyword '{word}'")
    if "none" in wanted and len(wanted) > 1:
        words.fail("'retry-on' 'none' keyworld only usable alone")
    line.set(frozenset(wanted))


@keyword("fullconn", places=BACK, usage="<conns>", arity=(0, 1))
def fullconn(line: Line) -> None:
    """The number of streams in this backend at which servers with `minconn` reach their `maxconn`.

    Default: a tenth of the maxconn of all frontends that may lead here.
    """
    line.set(parse_integer(line.args().next("'fullconn' expects an integer argument.")))


@keyword("http-send-name-header", places=BACK, usage="[<header>]")
def http_send_name_header(line: Line) -> None:
    """Tells each server its name, in this header of every request that goes to it; one that is there is replaced."""
    words = line.args()
    line.set(to_bytes(words.next("'http-send-name-header' requires a header string.")).lower())
    ignore_surplus(words)


@keyword("http-reuse", places=BACK, usage="{ never | safe | aggressive | always }")
def http_reuse(line: Line) -> None:
    """Which requests may use an idle server connection that another client opened; default safe."""
    words = line.args()
    mode = words.accept("never", "safe", "aggressive", "always")
    if mode is None:
        words.fail("'http-reuse' only supports 'never', 'safe', 'aggressive', 'always'.", last=False)
    if not words.end:
        words.fail(f"'http-reuse {mode}' cannot handle unexpected argument '{words.peek()}'.", last=False)
    line.set(mode)


@dataclass(slots=True)
class UseServer:
    """One `use-server` rule: a server's name, or a format that makes one, and its condition."""

    name: str
    format: Any
    condition: Any
    span: Span


@keyword("use-server", places=("listen", "backend"), usage="<server> {if|unless} <condition>")
def use_server(line: Line) -> None:
    """Sends the stream to a given server when the condition holds and that server is up. The first such rule counts.

    The name may be a log-format string.
    """
    words = line.args()
    name = words.next("'use-server' expects a server name.")
    site = Site(line.config, line.proxy, "use-server", Point.BE_SERVER, line.span, "use-server")
    if words.peek() not in ("if", "unless"):
        words.fail("'use-server' requires either 'if' or 'unless' followed by a condition.")
    tree = condition.parse(words, site)
    pattern = logformat.parse(name, site) if "%" in name else None
    line.record.append("use-server", UseServer(name, pattern, tree, line.span), line.span)


def _persist_rule(line: Line) -> None:
    words = line.args()
    site = Site(line.config, line.proxy, line.name, Point.BE_CONTENT | Point.BE_REQUEST, line.span, line.name)
    if words.peek() not in ("if", "unless"):
        words.fail(f"'{line.name}' requires either 'if' or 'unless' followed by a condition.")
    complaint = f"error detected while parsing a '{line.name}' rule"
    line.record.append("persist rules", (line.name, condition.parse(words, site, complaint=complaint)), line.span)


@keyword("force-persist", places=("listen", "backend"), usage="{ if | unless } <condition>")
def force_persist(line: Line) -> None:
    """Persistence leads to its server even when that is down, where the condition holds (to test before production)."""
    _persist_rule(line)


@keyword("ignore-persist", places=("listen", "backend"), usage="{ if | unless } <condition>")
def ignore_persist(line: Line) -> None:
    """Persistence is not looked at when the condition holds: such requests are balanced."""
    _persist_rule(line)


@keyword("option persist", places=BACK, negatable=True, arity=(0, 0))
def option_persist(line: Line) -> None:
    """A client is sent to the server its cookie names even when that server is known to be down."""
    line.set(not line.negated)


@keyword("max-keep-alive-queue", places=BACK, usage="<value>")
def max_keep_alive_queue(line: Line) -> None:
    """Queue length of a server beyond which a kept connection to it is given up for another server; -1 is any."""
    text = line.args().next("'max-keep-alive-queue' expects expects an integer value (or -1 to disable)")
    if not text.removeprefix("-").isdecimal():
        stray = next((c for c in text if not (c.isdecimal() or c == "-")), text[:1])
        raise ConfigError(
            f"'max-keep-alive-queue' : unexpected character '{stray}' in integer value '{text}'", line.spans[-1]
        )
    line.set(int(text))


@keyword("dispatch", places=("listen", "backend"), usage="<address>:<port>", arity=(0, 1))
def dispatch(line: Line) -> None:
    """One default server without a name, checks or balancing. Logs show it as `<NOSRV>`."""
    words = line.args()
    text = words.peek() or ""
    try:
        address = parse_address(text, port="required", offsets=True, zero_port=True, descriptors=False)
        check_numeric(address)
    except ValueError as error:
        words.fail(f"'dispatch' : {error}", last=False)
    line.set(address)


@keyword("source", places=BACK, usage="<addr>[:<port>[-<port>]] [usesrc ... | interface <name>]")
def source(line: Line) -> None:
    """The local address from which servers are connected to; a server's own `source` overrides it (see there)."""
    words = line.args()
    text = words.next("'source' expects <addr>[:<port>], and optionally 'usesrc' <addr>, and 'interface' <name>.")
    values: dict[str, Any] = {}
    take_source(words, values, text)
    if not words.end:
        words.fail("'source' only supports optional keywords 'interface' and 'usesrc'.", last=False)
    line.set(values)


@keyword(
    "load-server-state-from-file",
    places=BACK,
    usage="{ global | local | none }",
    status=Status.HARMLESS,
    note="states are not carried over a reload yet",
)
def load_server_state(line: Line) -> None:
    """Where the states that servers had before a reload are read from."""
    words = line.args()
    kind = words.accept("global", "local", "none")
    if kind is None:
        got = words.peek() or ""
        words.fail(f"'load-server-state-from-file' expects 'global', 'local' or 'none'. Got '{got}'", last=False)
    line.set(kind)


@keyword(
    "server-state-file-name",
    places=BACK,
    usage="[ { use-backend-name | <file> } ]",
    arity=(0, 1),
    status=Status.HARMLESS,
    note="states are not carried over a reload yet",
)
def server_state_file_name(line: Line) -> None:
    """The file of this backend's server states, by default named after the backend."""
    words = line.args()
    line.set(None if words.end else words.next())
