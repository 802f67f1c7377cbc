"""The lines that make servers: `server`, `default-server`, `server-template` (manual, chapters 4.2 and 5)."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import TYPE_CHECKING, Any, Final

from pylb import registry
from pylb.balance.keywords import kind_of_proxy
from pylb.config import address_words
from pylb.config.addresses import literal, parse_address
from pylb.config.model import Piece, ServerLine, Tail, Use
from pylb.errors import ConfigError, did_you_mean
from pylb.listener.bind import check_descriptor
from pylb.registry import Kind, keyword
from pylb.server import origins

if TYPE_CHECKING:
    from pylb.config.model import Address, ProxyConfig
    from pylb.config.words import Line, Words

_STRAY: Final = re.compile(r"[^A-Za-z0-9_:.\-]")
_RANGE: Final = re.compile(r"\+?(\d++)(?:-(\d+)|(?!-))")
DEFAULT: Final = "default-server"
KEPT: Final = 4096  # sequences of options, and options, whose values are kept; what repeats at all shows up early


@keyword("server", places=("listen", "backend"), usage="<name> <address>[:[port]] [param*]")
def server(line: Line) -> None:
    """A server of this backend.

    The port may be left out or be +N or -N: then the client's own destination port is used, shifted by N. An address of
    0.0.0.0 is the client's own destination address. Names are resolved at start (see `init-addr`).
    """
    words = line.args()
    usage = "'server' expects <name> and <addr>[:<port>] as arguments."
    name, text = words.next(usage), words.next(usage)
    stray = _STRAY.search(name)
    if stray:
        raise ConfigError(f"character '{stray[0]}' is not permitted in server name '{name}'.", line.spans[1])
    proxy: ProxyConfig = line.record
    label = f"'server {proxy.name}/{name}' : "
    record = ServerLine(name, literal(text) or _address(words, text, label), line.spans, proxy.default_server)
    if "from" in line.words:
        record.values = origins.begin(words, proxy, record.values, label)
    _tail(words, record, label)
    _check_weight(line, record, label)
    _enter(line, record)


@keyword("default-server", places=("defaults", "listen", "backend"), usage="[name <name>] [from <origin>] [param*]")
def default_server(line: Line) -> None:
    """Options for the servers that follow in this section; several lines add up, `no-...` words take back.

    `from none` forgets what was said so far, other origins are copied first (see the server option `from`). Under a
    `name` the options are for servers that ask for them: `from srv:<name>`.
    """
    words = line.args()
    proxy = line.proxy
    name = ""
    if words.accept("name") is not None:
        name = words.next("'name' expects a name for the default-server.")
        stray = _STRAY.search(name)
        if stray:
            words.fail(f"character '{stray[0]}' is not permitted in default-server name '{name}'.")
        if name in proxy.server_names:
            words.fail(f"a server named '{name}' was already defined, please use distinct names.")
    others = origins.named(proxy)
    base = origins.begin(words, proxy, others.get(name, origins.NOTHING) if name else proxy.default_server)
    record = ServerLine(DEFAULT, None, line.span, dict(base))
    _options(words, record, "")
    _check_weight(line, record, "")
    if name:
        proxy.set(origins.NAMED, {**others, name: record.values}, line.span)
    else:
        proxy.default_server = record.values


@keyword("server-template", places=("listen", "backend"), usage="<prefix> <num | range> <fqdn>[:<port>] [params*]")
def server_template(line: Line) -> None:
    """As many equal servers as <num> says, or as <first>-<last> spans, named <prefix> and their number."""
    words = line.args()
    usage = "'server-template' expects <prefix> <nb | range> <addr>[:<port>] as arguments."
    prefix, count, text = words.next(usage), words.next(usage), words.next(usage)
    first, last = _range(count, line)
    stray = _STRAY.search(prefix)
    if stray:
        raise ConfigError(
            f"character '{stray[0]}' is not permitted in server-template prefix '{prefix}'.", line.spans[1]
        )
    label = f"'server-template {line.proxy.name}/{prefix}' : "
    base = origins.begin(words, line.proxy, line.proxy.default_server, label)
    for number in range(first, last + 1):
        name = f"{prefix}{number}"
        cursor = line.args()
        cursor.index = words.index
        record = ServerLine(name, None, line.span, dict(base), (prefix, first, last))
        record.address = _address(cursor, text, label)
        _options(cursor, record, label)
        if number == first:
            _check_weight(line, record, f"'server {line.proxy.name}/{name}' : ")
        else:
            record.values.pop("id", None)  # an id is that of the first server
        _enter(line, record)


def dynamic(line: Line, refused: frozenset[str], taken: Container[str]) -> ServerLine:
    """The words of the runtime command `add server`: like `server`, without `default-server` and without some options.

    The messages carry no prefix, and the record is entered nowhere.
    """
    words = line.args()
    usage = "'server' expects <name> and <addr>[:<port>] as arguments."
    name, text = words.next(usage), words.next(usage)
    stray = _STRAY.search(name)
    if stray:
        raise ConfigError(f"character '{stray[0]}' is not permitted in server name '{name}'.", line.spans[1])
    record = ServerLine(name, None, line.span, {})
    record.address = _address(words, text, "")
    if name in taken:
        raise ConfigError("Already exists a server with the same name in backend.")
    record.values = dict(origins.begin(words, line.proxy, origins.NOTHING, late=True))
    while (option := words.peek()) is not None:
        if option in refused:
            words.fail(f"'{option}' option is not accepted for dynamic server")
        _option(words, record, "", [])
    return record


def _range(text: str, line: Line) -> tuple[int, int]:
    match = _RANGE.match(text)
    if match:
        first, last = (int(match[1]), int(match[2])) if match[2] else (1, int(match[1]))
        if 0 < first <= last:
            return first, last
    raise ConfigError(f"Wrong server-template number or range arg '{text}'.", line.spans[2])


def _address(words: Words, text: str, label: str) -> Address:
    log = words.line.proxy.get("mode") == "log"
    try:
        address = parse_address(
            text,
            port="optional",
            offsets=True,
            zero_port=True,
            descriptors=False,
            datagrams=log,
            reverse=True,
            quic_allowed=True,
        )
        check_descriptor(address)
    except ValueError as error:
        words.fail(f"{label}{error}")
    try:
        address_words.note(words, Kind.SERVER, address)
    except ConfigError as error:
        words.fail(f"{label}{error.message}")
    return address


def _tail(words: Words, record: ServerLine, label: str) -> None:
    """The options of a server line. Large files repeat them from line to line, so what they made is kept by the words,
    as far as all of them are `plain` (registry.server_option)."""
    tail = words.line.words[words.index :]
    base = record.values
    if not tail:
        record.values = base.copy()
        return
    tails = words.line.config.tails
    key = (id(base), *tail)
    known = tails.get(key)
    if known is not None:
        record.values = known.values.copy()
        known.again += 1
        return
    record.values = base.copy()
    uses = _options(words, record, label)
    if uses is not None and len(tails) < KEPT:
        tails[key] = Tail(base, record.values.copy(), uses)


def _options(words: Words, record: ServerLine, label: str) -> list[Use] | None:
    """Runs the options; returns which were used, or None when one of them is not `plain`."""
    pieces, given = words.line.config.pieces, words.line.words
    problems = words.line.config.report.items
    before = len(problems)
    last = len(given) - 1
    uses: list[Use] = []
    plain = True
    while (at := words.index) <= last:
        piece = pieces.get(given[at])
        if piece is None:
            plain = _option(words, record, label, uses) and plain
            continue
        piece.use.count += 1
        uses.append(piece.use)
        taken = at + piece.arguments
        made = piece.made.get(given[taken] if taken > at else "") if taken <= last else None
        if made is not None:
            words.index = taken + 1
        else:
            words.index = at + 1
            made = _made(piece, words, record, label)
        record.values.update(made)
    return uses if plain and len(problems) == before else None


def _made(piece: Piece, words: Words, record: ServerLine, label: str) -> dict[str, Any]:
    """What a `plain` option makes of its argument, kept for the next time unless there was something to say of it."""
    at = words.index
    problems = words.line.config.report.items
    before = len(problems)
    values, record.values = record.values, {}
    try:
        piece.use.word.factory(words, record)
    except ConfigError as error:
        raise ConfigError(f"{label}{error.message}", error.span, error.hint) from None
    made, record.values = record.values, values
    if words.index == at + piece.arguments and len(piece.made) < KEPT and len(problems) == before:
        piece.made[words.line.words[at] if piece.arguments else ""] = made
    return made


def _option(words: Words, record: ServerLine, label: str, uses: list[Use]) -> bool:
    """One option that has not been met yet, or is not `plain`, with its arguments; whether it is `plain`."""
    name = words.next()
    known = registry.table(Kind.SERVER)
    word = known.get(name)
    if word is None and "(" in name:
        word = known.get(name.partition("(")[0])
        if word is not None and not word.facts.get("parens"):
            word = None
    if word is None:
        guess = did_you_mean(name, known) or "."
        hint = " Hint: no address was expected for this server." if record.name == DEFAULT else ""
        words.fail(f"{label}unknown keyword '{name}'{guess}{hint}")
    use = words.use(word)
    uses.append(use)
    plain = word.facts.get("plain")
    if plain is not None:
        piece = words.line.config.pieces[name] = Piece(use, plain)
        record.values.update(_made(piece, words, record, label))
        return True
    try:
        word.factory(words, record)
    except ConfigError as error:
        raise ConfigError(f"{label}{error.message}", error.span, error.hint) from None
    return False


def _check_weight(line: Line, record: ServerLine, label: str) -> None:
    if record.values.get("weight") == 0:
        line.config.report.diag(
            f"[{record.span.file}:{record.span.line}] : {label}configured with weight of 0 will never be selected by "
            "load balancing algorithms"
        )


def _miss_agent_port(line: Line, record: ServerLine) -> None:
    """An agent has no port of its own to be asked on; of the servers of a template the first is named."""
    if record.template is None or record.name == f"{record.template[0]}{record.template[1]}":
        line.config.report.alert(
            f"'server {line.proxy.name}/{record.name}' : server {record.name} does not have agent port. "
            "Agent check has been disabled.",
            record.span,
        )


def _enter(line: Line, record: ServerLine) -> None:
    """Adds the server; a second one of that name, or of that id, is an error."""
    proxy = line.proxy
    if origins.NAMED in proxy.values and record.name in origins.named(proxy):
        raise ConfigError(f"a default-server named '{record.name}' was already defined, please use distinct names.")
    other = proxy.server_names.setdefault(record.name, record)
    if other is not record:
        raise ConfigError(
            f"{kind_of_proxy(proxy)} '{proxy.name}', another server named '{record.name}' was already defined "
            f"at line {other.span.line}, please use distinct names.",
            line.spans[1],
        )
    number = record.values.get("id")
    if number is not None:
        other = proxy.server_ids.setdefault(number, record)
        if other is not record:
            raise ConfigError(
                f"'server {proxy.name}/{record.name}' : 'id' : custom id {number} already used at "
                f"{other.span.file}:{other.span.line} ('server {other.name}').",
                line.spans[1],
            )
    if record.values.get("agent-check") and not record.values.get("agent-port"):
        _miss_agent_port(line, record)
    proxy.servers.append(record)
