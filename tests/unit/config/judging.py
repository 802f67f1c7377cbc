"""How a section is judged: its lines between what it needs to be complete, and the alerts that come of it."""

from __future__ import annotations

from pylb import standard
from pylb.config.model import Configuration
from pylb.config.reader import parse_text
from pylb.config.resolve import resolve
from pylb.errors import Severity

standard.load()

EXPERIMENTAL = "global\n    expose-experimental-directives\n"


def judged(text: str) -> Configuration:
    config = parse_text(text, environment={"HAPROXY_LOCALPEER": "here"})
    resolve(config)
    return config


def said(config: Configuration, severity: Severity = Severity.ALERT) -> list[str]:
    return [item.message for item in config.report.items if item.severity is severity]


def alerts(text: str) -> list[str]:
    """Everything that would stop a start, references between sections included."""
    return said(judged(text))


def section(header: str, *lines: str) -> str:
    return "\n    ".join((header, *lines)) + "\n"
