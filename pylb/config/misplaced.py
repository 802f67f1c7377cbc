"""Words in a section that does not take them: unknown, misspelt, or meant for the other side of a proxy.

HAProxy ignores most words of the wrong side with a warning and refuses a few; the table holds where its sentence or
its severity is not the ordinary one.
"""

from __future__ import annotations

from typing import Final

from pylb import registry
from pylb.config.model import ProxyConfig
from pylb.config.words import Line
from pylb.errors import ConfigError, did_you_mean
from pylb.registry import Kind

_SIDES = {"frontend": "backend", "backend": "frontend"}
"""What the section lacks."""

_WARN: Final = "warning"
_REFUSE: Final = "alert"
_SILENT: Final = "notice"  # HAProxy says nothing

_SENTENCES: dict[tuple[str, str], tuple[str, str]] = {
    ("frontend", "timeout"): (_WARN, "'{name}' will be ignored because {place} '{proxy}' has no {side} capability"),
    ("backend", "timeout"): (_WARN, "'{name}' will be ignored because {place} '{proxy}' has no {side} capability"),
    ("frontend", "server"): (_REFUSE, "'{name}' not allowed because {place} '{proxy}' has no {side} capability."),
    ("frontend", "server-template"): (
        _REFUSE,
        "'{name}' not allowed because {place} '{proxy}' has no {side} capability.",
    ),
    ("frontend", "default-server"): (
        _REFUSE,
        "'{name}' not allowed because {place} '{proxy}' has no {side} capability.",
    ),
    ("frontend", "retry-on"): (_REFUSE, "'{name}' only available in backend or listen section"),
    ("frontend", "use-fcgi-app"): (_REFUSE, "'{name}' only available in backend or listen section"),
    ("backend", "declare"): (_REFUSE, "'declare' only available in frontend or listen section"),
    ("frontend", "fullconn"): (
        _WARN,
        "'{name}' ignored because {place} '{proxy}' has no {side} capability. Maybe you want 'maxconn' instead ?",
    ),
    ("backend", "maxconn"): (
        _WARN,
        "'{name}' ignored because {place} '{proxy}' has no {side} capability. Maybe you want 'fullconn' instead ?",
    ),
    ("frontend", "tcp-response"): (
        _REFUSE,
        "{name} is only allowed in 'backend' sections or 'defaults' section with a name",
    ),
    ("backend", "tcp-request"): (_REFUSE, "{name} is not allowed because {place} {proxy} is not a frontend"),
    **{
        ("backend", word): (_WARN, "{name} will be ignored because {place} '{proxy}' has no {side} capability")
        for word in ("clitcpka-cnt", "clitcpka-idle", "clitcpka-intvl", "rate-limit")
    },
    **{
        ("frontend", word): (_WARN, "{name} will be ignored because {place} '{proxy}' has no {side} capability")
        for word in ("srvtcpka-cnt", "srvtcpka-idle", "srvtcpka-intvl", "max-keep-alive-queue")
    },
    **{
        ("backend", word): (_WARN, "{place} '{proxy}' : '{name}' directive is ignored in backends.")
        for word in (
            "log-format",
            "log-format-sd",
            "error-log-format",
            "option httplog",
            "option httpslog",
            "option tcplog",
        )
    },
    ("defaults", "use-fcgi-app"): (_REFUSE, "'{name}' only available in backend or listen section"),
    ("defaults", "capture"): (_REFUSE, "'{rule}' not allowed in 'defaults' section."),
    ("defaults", "monitor"): (_REFUSE, "'monitor' not allowed in 'defaults' section."),
    ("defaults", "stats http-request"): (_REFUSE, "'stats' not allowed in 'defaults' section."),
    **{
        ("frontend", word): (_SILENT, "{name}")
        for word in ("external-check", "hash-balance-factor", "option external-check", "persist", "transparent")
    },
    ("defaults", "declare"): (_REFUSE, "'declare' not available in default section"),
    ("defaults", "filter"): (_REFUSE, "filter is not allowed in a 'default' section."),
    ("defaults", "stick-table"): (_REFUSE, "'stick-table' is not supported in 'defaults' section."),
    ("defaults", "tcp-response"): (
        _REFUSE,
        "{name} is only allowed in 'backend' sections or 'defaults' section with a name",
    ),
}

_NAMED_DEFAULTS = {
    "acl": "'acl' not allowed in anonymous 'defaults' section.",
    "http-request": "'http-request' not allowed in anonymous 'defaults' section.",
    "http-response": "'http-response' not allowed in anonymous 'defaults' section.",
    "http-after-response": "'http-after-response' not allowed in anonymous 'defaults' section.",
    "tcp-request": "{name} is not allowed in anonymous 'defaults' sections",
    "tcp-response": "{name} is only allowed in 'backend' sections or 'defaults' section with a name",
    "quic-initial": "'quic-initial' not allowed in anonymous 'defaults' section.",
}

_UNKNOWN = {
    "userlist": "unknown keyword '{word}' in 'users' section",
    "ring": "unknown statement '{word}'.",
    "log-forward": "unknown keyword '{word}' in log-forward section.",
}


def check_anonymous(line: Line) -> None:
    """Rules and ACLs stand in named defaults only: an anonymous one would hand them to proxies unseen."""
    if line.place == "defaults" and not line.record.name:
        sentence = _NAMED_DEFAULTS.get(line.words[0])
        if sentence is not None:
            raise ConfigError(sentence.format(name=_rule_name(line)), line.span)


def _rule_name(line: Line) -> str:
    return " ".join(line.words[:2])


def judge(line: Line, longest: int) -> None:
    """Reports the line's word, for which the section has no declaration; raises where HAProxy refuses it."""
    place = line.place
    if place in ("frontend", "backend", "defaults"):
        for count in range(min(longest, len(line.words)), 0, -1):
            if elsewhere(line, " ".join(line.words[:count])):
                return
    _unknown(line)


def judge_option(line: Line) -> None:
    """The same for an `option` whose name the section does not know."""
    name = " ".join(line.words[:2])
    word = registry.find(Kind.KEYWORD, name, "listen")
    if word is not None and (line.negated or line.reset) and not word.facts.get("negatable"):
        raise ConfigError(f"negation/default is not supported for option '{line.words[1]}'.", line.span)
    if elsewhere(line, name):
        return
    known = [name[7:] for name in registry.names(Kind.KEYWORD, "listen") if name.startswith("option ")]
    suggestion = did_you_mean(line.words[1], known)
    raise ConfigError(f"unknown option '{line.words[1]}'{suggestion or '.'}", line.spans[1])


def elsewhere(line: Line, name: str) -> bool:
    """Whether the word belongs to the other side of a proxy, or to proxies instead of defaults; then says so."""
    if registry.find(Kind.KEYWORD, name, line.place) or not registry.find(Kind.KEYWORD, name, "listen"):
        return False
    place, head = line.place, line.words[0]
    kind, sentence = _SENTENCES.get((place, name)) or _SENTENCES.get((place, head)) or (_WARN, "")
    if place == "defaults":
        kind, sentence = _REFUSE, sentence or "'{name}' not allowed in 'defaults' section."
    shown = name
    if not sentence:
        sentence = "'{name}' ignored because {place} '{proxy}' has no {side} capability."
        # Of an option its own name is shown, of other families the word they share.
        shown = name.removeprefix("option ") if head == "option" else head
    elif head.startswith("tcp-"):
        shown = _rule_name(line)
    message = sentence.format(
        name=shown, rule=_rule_name(line), place=place, proxy=line.record.name, side=_SIDES.get(place, "")
    )
    if kind == _REFUSE:
        raise ConfigError(message, line.span)
    if kind == _SILENT:
        line.notice(f"'{message}' has no effect in a {place}.")
    else:
        line.warning(message)
    if (place, name) not in _STOPS and (place, head) not in _STOPS:
        _try_out(line, name)
    return True


_STOPS: Final = {
    ("backend", word)
    for word in (
        "log-format",
        "log-format-sd",
        "error-log-format",
        "option httplog",
        "option httpslog",
        "option tcplog",
    )
}
"""Where HAProxy looks at no argument once it has warned."""


_KEPT: Final = (
    *("default_backend", "use_backend", "use-server"),
    *("external-check command", "external-check path", "option external-check"),
)
"""Words that a section keeps although they have no effect there: what they name has to exist (config/resolve.py)."""


def _try_out(line: Line, name: str) -> None:
    """Checks the arguments all the same, as HAProxy does, against a section that belongs to nothing."""
    from pylb.config.reader import check_arity  # the reader imports this module

    word = registry.find(Kind.KEYWORD, name, "listen")
    if word is None:
        return
    record = ProxyConfig("listen", line.record.name, line.record.span)
    trial = Line(line.words, line.spans, line.config, record, "listen")
    trial.name, trial.negated, trial.reset = name, line.negated, line.reset
    check_arity(word, trial)
    word.factory(trial)
    if name in _KEPT and name in record.values:
        value = record.values[name]
        before = line.record.values.get(name) if isinstance(value, list) else None
        line.record.values[name] = [*before, *value] if before else value
        line.record.where[name] = line.span
        line.record.where[name] = record.where[name]


def _unknown(line: Line) -> None:
    word = line.words[0]
    sentence = _UNKNOWN.get(line.place, "unknown keyword '{word}' in '{place}' section")
    suggestion = ""
    if " " not in word:  # a quoted phrase is no misspelt word
        firsts = {name.partition(" ")[0] for name in registry.names(Kind.KEYWORD, line.place)}
        suggestion = did_you_mean(word, firsts)
    raise ConfigError(sentence.format(word=word, place=line.place) + suggestion, line.span)
