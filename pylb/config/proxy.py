"""Words of proxies that belong to no other room: mode, timeouts, limits, identity, and the boolean options.

A boolean `option x` is stored as values["option x"] = True or False; `no option x` overrides what defaults said,
`default option x` forgets it. The three connection modes of HTTP exclude each other: the last one written counts.
"""

from __future__ import annotations

from pylb import registry
from pylb.config import guids, misplaced, units
from pylb.config.reader import run_as
from pylb.config.words import Line
from pylb.errors import ConfigError, did_you_mean
from pylb.registry import BACK, FRONT, PROXY, Kind, Status, keyword

FULL, PARTIAL, HARMLESS, UNSAFE = Status.FULL, Status.PARTIAL, Status.HARMLESS, Status.UNSAFE


@keyword("mode", places=PROXY, usage="{tcp | http}", arity=(0, 1))
def mode(line: Line) -> None:
    """Whether a proxy moves bytes (tcp, the default) or reads and edits HTTP messages (http). Manual 4.2."""
    words = line.args()
    text = words.peek() or ""
    if text not in ("tcp", "http"):
        raise ConfigError(f"unknown proxy mode '{text}'.", words.span)
    line.set(text)


def _other_mode(line: Line) -> None:
    line.record.set("mode", line.name.partition(" ")[2], line.span)


@keyword("mode log", places=PROXY, arity=(0, 0))
def mode_log(line: Line) -> None:
    """A backend whose servers get log lines (`log backend@<name>`): datagrams, or streams behind `tcp@`. Manual 4.2.

    Its algorithm is roundrobin, static-rr, random, log-hash or sticky. HAProxy 2.9 and later.
    """
    _other_mode(line)


for _name, _doc in (
    ("mode spop", "A backend whose servers are stream processing agents."),
    ("mode haterm", "A frontend that answers by itself what a benchmark's request asks for."),
):
    registry.declare(
        Kind.KEYWORD, _name, _other_mode, places=PROXY, status=UNSAFE, doc=_doc, arity=(0, 0), note="mode is not served"
    )


TIMEOUTS = {
    "check": (BACK, "Extra time for the answer of a health check after its connection is up."),
    "client": (FRONT, "Longest inactivity of the client while data is expected from it or sent to it."),
    "client-fin": (FRONT, "Longest inactivity of the client once one direction has been shut down."),
    "client-hs": (FRONT, "Longest time for a TLS handshake with the client; `timeout client` when not set."),
    "connect": (BACK, "Longest time for a connection to a server to come up."),
    "http-keep-alive": (
        PROXY,
        "Longest wait for the next request on a connection; `timeout http-request` when not set.",
    ),
    "http-request": (PROXY, "Longest time for a whole request head; then 408."),
    "queue": (BACK, "Longest wait for a free slot on a server; then 503. `timeout connect` when not set."),
    "server": (BACK, "Longest inactivity of the server while data is expected from it or sent to it; then 504."),
    "server-fin": (BACK, "Longest inactivity of the server once one direction has been shut down."),
    "tarpit": (PROXY, "How long a tarpitted request is held; `timeout connect` when not set."),
    "tunnel": (BACK, "Longest inactivity of both sides once a stream has become a tunnel."),
}


def timeout(line: Line) -> None:
    """Stores milliseconds; 0 is no limit. Warns, as HAProxy does, when the section has set it before."""
    words = line.args()
    name = line.name
    value = units.take_time(words, name)
    if not words.end:
        raise ConfigError(
            f"'{name}' : unexpected extra argument '{words.peek()}' after value '{line.words[words.index - 1]}'.",
            words.span,
        )
    if overwrites(line, name):
        line.warning(f"overwriting '{name}' which was already specified")
    line.record.set(name, value, line.span)


def overwrites(line: Line, name: str) -> bool:
    """Whether a proxy has a value that is not its defaults section's: then HAProxy warns of another one."""
    origin = line.proxy.origin
    inherited = origin.get(name) if origin is not None else None
    return line.place != "defaults" and bool(line.record.get(name) != inherited)


for _name, (_places, _doc) in TIMEOUTS.items():
    registry.declare(Kind.KEYWORD, f"timeout {_name}", timeout, places=_places, usage="<time>", doc=_doc)


@keyword("timeout", places=PROXY, usage="<name> <time>")
def unknown_timeout(line: Line) -> None:
    """One of the timeouts above."""
    if misplaced.elsewhere(line, " ".join(line.words[:2])):
        return
    got = line.words[1] if len(line.words) > 1 else ""
    raise ConfigError(
        "'timeout' supports 'client', 'server', 'connect', 'check', 'queue', 'http-keep-alive', 'http-request', "
        f"'tunnel', 'tarpit', 'client-fin' and 'server-fin' (got '{got}')",
        line.spans[min(1, len(line.spans) - 1)],
        did_you_mean(got, TIMEOUTS).removeprefix("; "),
    )


OLD_TIMEOUTS = {
    "clitimeout": "client",
    "contimeout": "connect",
    "srvtimeout": "server",
    "cliexp": "client",
    "srvexp": "server",
}


def old_timeout(line: Line) -> None:
    """Timeouts under the names that HAProxy dropped in 2.1."""
    modern = f"timeout {OLD_TIMEOUTS[line.name.removeprefix('timeout ')]}"
    line.notice(f"'{line.name}' is old syntax.", f"write '{modern}'")
    rest = line.name.count(" ") + 1
    run_as(line, [*modern.split(), *line.words[rest:]], [line.span, line.span, *line.spans[rest:]])


for _name, _modern in OLD_TIMEOUTS.items():
    _doc = TIMEOUTS[_modern][1]
    registry.declare(
        Kind.KEYWORD,
        (_name, f"timeout {_name}"),
        old_timeout,
        places=PROXY,
        usage="<time>",
        doc=f"Old name of `timeout {_modern}`. {_doc}",
        note=f"today's word is `timeout {_modern}`",
    )


@keyword("maxconn", places=FRONT, usage="<number>", arity=(1, 1), expects="'maxconn' expects an integer argument.")
def maxconn(line: Line) -> None:
    """Connections that a frontend serves at the same time; more wait in the kernel's backlog. Manual 4.2."""
    line.set(max(0, units.take_integer(line.args())))


@keyword("backlog", places=FRONT, usage="<number>", arity=(1, 1), expects="'backlog' expects an integer argument.")
def backlog(line: Line) -> None:
    """Connections that the kernel holds for a listener before they are accepted; maxconn when not set."""
    line.set(units.take_integer(line.args()))


@keyword(
    "description",
    places=("frontend", "listen", "backend"),
    usage="<text>",
    arity=(1, None),
    expects="'description' expects a string argument.",
)
def description(line: Line) -> None:
    """Free text for the statistics page."""
    line.set(" ".join(line.args().rest()))


@keyword("id", places=("frontend", "listen", "backend"), usage="<number>", arity=(0, 1))
def proxy_id(line: Line) -> None:
    """A number of its own for a proxy, instead of its position; unique among all proxies."""
    number = units.parse_integer(line.args().next("'id' expects an integer argument."))
    if number <= 0:
        raise ConfigError("custom id has to be > 0.", line.spans[1])
    if "id" in line.record.values:
        owner, span = "proxy" if line.place == "listen" else line.place, line.record.span
        name = line.record.name
        raise ConfigError(
            f"{owner} {name} reuses same custom id as {owner} {name} (declared at {span.file}:{span.line}).",
            line.spans[1],
        )
    line.set(number)


@keyword("guid", places=("frontend", "listen", "backend"), usage="<name>", arity=(1, 1), status=HARMLESS)
def guid(line: Line) -> None:
    """A name that stays the same over reloads, for tools that follow statistics."""
    words = line.args()
    name = words.next()
    if wrong := guids.mistake(name):
        words.fail(f"'guid' : {wrong}.")
    line.set(name)


@keyword("disabled", places=PROXY, arity=(0, 0))
def disabled(line: Line) -> None:
    """The proxy is read but not started."""
    line.record.set("disabled", True, line.span)


@keyword("enabled", places=PROXY, arity=(0, 0))
def enabled(line: Line) -> None:
    """The proxy starts although its defaults say `disabled`."""
    line.record.set("disabled", False, line.span)


def flag(line: Line) -> None:
    """Stores a boolean option."""
    name = line.name
    if line.reset:
        line.record.values.pop(name, None)
    else:
        line.record.set(name, not line.negated, line.span)


_HTTP_MODES = ("option http-keep-alive", "option http-server-close", "option httpclose")


def http_mode(line: Line) -> None:
    """Stores one of the connection modes of HTTP and takes the others back."""
    values = line.record.values
    if line.negated or line.reset:
        values.pop(line.name, None)
        return
    for name in _HTTP_MODES:
        values.pop(name, None)
    line.record.set(line.name, True, line.span)


for _name, _doc in (
    ("http-keep-alive", "Connections of both sides serve one request after another (the default)."),
    ("http-server-close", "The server's connection is closed after each response, the client's is kept."),
    ("httpclose", "Both connections are closed after one request and its response."),
):
    registry.declare(Kind.KEYWORD, f"option {_name}", http_mode, places=PROXY, doc=_doc, arity=(0, 0), negatable=True)

# name, places, status, meaning; declared by config/later.py
FLAGS: tuple[tuple[str, tuple[str, ...], Status, str], ...] = (
    ("abortonclose", PROXY, FULL, "A client that closes its side while its request waits takes the request with it."),
    ("allbackups", BACK, FULL, "All backup servers are used together instead of only the first one."),
    ("checkcache", BACK, FULL, "Responses that would let a cache store a cookie are blocked."),
    ("clitcpka", FRONT, FULL, "TCP keep-alive probes to clients."),
    ("contstats", FRONT, HARMLESS, "Counters of long streams grow while they run; here they always do or never do."),
    ("disable-h2-upgrade", FRONT, HARMLESS, "An HTTP/1 connection is not turned into HTTP/2 by its preface."),
    ("dontlog-normal", FRONT, FULL, "Streams without any error are not logged."),
    ("dontlognull", FRONT, FULL, "Connections without any data are not logged."),
    (
        "h1-case-adjust-bogus-client",
        FRONT,
        FULL,
        "Field names go to HTTP/1 clients in the case that `h1-case-adjust` and its file ask for, trailers' too.",
    ),
    (
        "h1-case-adjust-bogus-server",
        BACK,
        FULL,
        "Field names go to HTTP/1 servers in the case that `h1-case-adjust` and its file ask for, trailers' too.",
    ),
    (
        "http-buffer-request",
        PROXY,
        FULL,
        "The rules wait until the request's body has arrived or the buffer is full.",
    ),
    ("http-drop-request-trailers", BACK, FULL, "Trailers of requests are read, checked and not forwarded."),
    ("http-drop-response-trailers", FRONT, FULL, "Trailers of responses are read, checked and not forwarded."),
    ("http-ignore-probes", FRONT, FULL, "A connection that ends without a request gets neither a 408 nor a log line."),
    (
        "http-no-delay",
        PROXY,
        FULL,
        "Data is sent at once, also where waiting could fill segments better. pylb never waits, with or without it.",
    ),
    ("http-pretend-keepalive", BACK, FULL, "Servers are told keep-alive even if the connection will be closed."),
    (
        "http-use-proxy-header",
        FRONT,
        FULL,
        "Requests with an absolute target are asked for credentials as by a proxy: 407 and `Proxy-Authorization`. "
        "`Proxy-Connection` is forwarded and means nothing, as in HAProxy since 2.0.",
    ),
    (
        "idle-close-on-response",
        FRONT,
        FULL,
        "On a soft stop idle connections live until their next response, or `timeout http-keep-alive`.",
    ),
    ("independent-streams", PROXY, HARMLESS, "Writing does not refresh the timeout of the reading side."),
    ("log-health-checks", BACK, HARMLESS, "Every change of a health check's result is logged."),
    ("log-separate-errors", FRONT, FULL, "Streams with errors are logged at level err."),
    ("logasap", FRONT, FULL, "The log line is written at the response head instead of the end."),
    ("nolinger", PROXY, FULL, "Connections are closed with a reset: a frontend's to clients, a backend's to servers."),
    (
        "prefer-last-server",
        BACK,
        FULL,
        "A client that has a connection of its own to a server (http-reuse never, NTLM) stays there, unless its "
        "cookie, a rule or a hash decides.",
    ),
    (
        "socket-stats",
        FRONT,
        FULL,
        "Connections, bytes and refusals are counted per listening socket, too (`show stat`).",
    ),
    (
        "splice-auto",
        PROXY,
        FULL,
        "Bodies and connections that pour, full reads in a row, go through kernel pipes, each direction by itself.",
    ),
    (
        "splice-request",
        PROXY,
        FULL,
        "What clients send goes through kernel pipes where there is enough of it. Chunked bodies are copied.",
    ),
    (
        "splice-response",
        PROXY,
        FULL,
        "What servers send goes through kernel pipes where there is enough of it. Chunked bodies are copied.",
    ),
    ("srvtcpka", BACK, FULL, "TCP keep-alive probes to servers."),
    (
        "tcp-smart-accept",
        FRONT,
        FULL,
        "The ACK of a client's first data waits for an answer to go with. On by itself where HTTP is spoken.",
    ),
    ("tcp-smart-connect", BACK, FULL, "The ACK that completes a connect waits for the request to go with."),
    (
        "transparent",
        BACK,
        FULL,
        "Connections go where the client wanted; servers are only for those that persistence brings there.",
    ),
    ("use-small-buffers", BACK, HARMLESS, "Small buffers hold what waits in queues."),
)


def declare_flags() -> None:
    """Declares the options above, except those that a room has declared with a meaning of its own."""
    for name, places, status, doc in FLAGS:
        if registry.find(Kind.KEYWORD, f"option {name}", places[-1]) is None:
            registry.declare(
                Kind.KEYWORD,
                f"option {name}",
                flag,
                places=places,
                status=status,
                doc=doc,
                arity=(0, 0),
                negatable=True,
            )


VIOLATIONS = {
    "accept-invalid-http-request": "accept-unsafe-violations-in-http-request",
    "accept-invalid-http-response": "accept-unsafe-violations-in-http-response",
}


def violations(line: Line) -> None:
    """Stored under today's name, whichever was written."""
    name = line.words[1]
    today = f"option {VIOLATIONS.get(name, name)}"
    if line.reset:
        line.record.values.pop(today, None)
    else:
        line.record.set(today, not line.negated, line.span)


_TAKEN = (
    "Takes messages that are refused otherwise: odd versions and statuses, bytes above 127 and fragments in targets, "
    "any byte in values. Fields with illegal names are dropped, and what frames a message is judged as strictly as "
    "ever. Such messages are kept for `show errors` and counted as glitches. "
)
for (_old, _new), _places, _doc in zip(
    VIOLATIONS.items(),
    (FRONT, BACK),
    (
        _TAKEN + "Host may differ from the authority, and a WebSocket key may be missing. HTTP/0.9 is served.",
        _TAKEN + "`Transfer-Encoding` may be empty or repeat chunked, and an answer to a WebSocket key may be wrong.",
    ),
    strict=True,
):
    registry.declare(
        Kind.KEYWORD,
        (f"option {_new}", f"option {_old}"),
        violations,
        places=_places,
        doc=_doc,
        arity=(0, 0),
        negatable=True,
    )


@keyword("option tcpka", places=PROXY, arity=(0, 0))
def tcpka(line: Line) -> None:
    """TCP keep-alive probes on both sides that the proxy has."""
    for name in ("option clitcpka", "option srvtcpka"):
        line.record.set(name, True, line.span)


@keyword("option", places=PROXY, usage="<name> ...", negatable=True)
def unknown_option(line: Line) -> None:
    """One of the options above."""
    if len(line.words) < 2:
        raise ConfigError("'option' expects an option name.", line.span)
    misplaced.judge_option(line)
