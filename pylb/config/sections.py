"""What opens a section: global and the proxies. Named sections open beside their words (section_shapes.py).

A factory checks the header line and returns the record that the following lines fill. Proxies start as copies of the
defaults section they name, or of the last one before them.
"""

from __future__ import annotations

from pylb import registry
from pylb.config.defaults import check_heritage, named_defaults, odd_character
from pylb.config.model import ProxyConfig, Record
from pylb.config.reader import run_as
from pylb.config.words import Line
from pylb.errors import ConfigError
from pylb.registry import Kind, section


def check_name(line: Line, name: str) -> None:
    odd = odd_character(name)
    if odd is not None:
        raise ConfigError(f"character '{odd}' is not permitted in '{line.words[0]}' name '{name}'.", line.spans[1])


def no_more_words(line: Line, count: int) -> None:
    """Demands that at most `count` words stand on the header line; reports, and the section opens all the same."""
    if len(line.words) > count:
        line.config.report.alert(
            f"'{line.words[0]}' cannot handle unexpected argument '{line.words[count]}'.", line.spans[count]
        )


@section("global", usage="", first=True)
def open_global(line: Line) -> Record:
    """Settings of the whole process. The section may appear several times; later lines add to earlier ones."""
    no_more_words(line, 1)
    line.config.globals.span = line.span
    return line.config.globals


def _orphan(line: Line) -> ProxyConfig:
    """A proxy that belongs to no configuration, so that the lines under a wrong header are still checked."""
    return ProxyConfig(line.words[0], line.words[1] if len(line.words) > 1 else "", line.span)


def open_proxy(line: Line) -> ProxyConfig:
    """Opens a frontend, backend or listen section."""
    kind, config = line.words[0], line.config
    if len(line.words) < 2:
        raise ConfigError(f"'{kind}' expects an <id> argument", line.span)
    name = line.words[1]
    check_name(line, name)
    proxy = ProxyConfig(kind, name, line.span)
    _check_unique(line, proxy)
    words = line.words[2:]
    origin: ProxyConfig | None = config.defaults[-1] if config.defaults else None
    if len(words) > 1 and words[0] == "from":
        if len(words) > 2:
            line.config.report.alert(f"'{kind}' cannot handle unexpected argument '{words[2]}'.", line.spans[4])
            return _orphan(line)
        origin = named_defaults(line, words[1], proxy)
        proxy.explicit_defaults = True
        words = words[2:]
    if origin is not None:
        check_heritage(config, origin, proxy)
        proxy.inherit(origin)
    config.proxies.append(proxy)
    proxy.number = len(config.proxies)
    if words:
        _old_listen(line, proxy, words)
    return proxy


def _check_unique(line: Line, proxy: ProxyConfig) -> None:
    """Two proxies of one name are refused where both could be meant; a frontend and a backend may share it."""
    sides = ((proxy.is_front, True, False), (proxy.is_back, False, True))
    found = (line.config.proxy(proxy.name, front=front, back=back) for has, front, back in sides if has)
    other = next((candidate for candidate in found if candidate is not None), None)
    if other is None:
        return
    ours, theirs = (("proxy" if p.kind == "listen" else p.kind) for p in (proxy, other))
    line.config.report.alert(
        f"{ours} '{proxy.name}' has the same name as {theirs} '{other.name}' declared at "
        f"{other.span.file}:{other.span.line}.",
        line.span,
    )


def _old_listen(line: Line, proxy: ProxyConfig, words: list[str]) -> None:
    """`listen <name> <address>` of HAProxy up to 1.5: the address and options of a bind line."""
    if proxy.kind == "backend":
        line.notice(f"'{words[0]}' behind the name of a backend means nothing.")
        return
    if words[0] == "from":
        raise_at = line.spans[2]
        line.config.report.alert("please use the 'bind' keyword for listening addresses.", raise_at)
        return
    line.notice(
        f"listening addresses on the '{proxy.kind}' line are old syntax.", f"write a line 'bind {' '.join(words)}'"
    )
    inside = Line(line.words, line.spans, line.config, proxy, proxy.kind)
    try:
        run_as(inside, ["bind", *words], [line.span, *line.spans[2:]])
    except ConfigError as error:
        line.config.report.error(error, line.span)


for _kind, _doc in (
    ("frontend", "Listening sockets and what is decided about the connections they accept."),
    ("backend", "A set of servers and how one of them is chosen."),
    ("listen", "A frontend and a backend in one section."),
):
    registry.declare(Kind.SECTION, _kind, open_proxy, usage="<name> [from <defaults>]", orphan=_orphan, doc=_doc)
