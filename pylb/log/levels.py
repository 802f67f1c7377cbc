"""Syslog's numbers: severities and facilities (RFC 5424 section 6.2.1), under HAProxy's names."""

from __future__ import annotations

from typing import Final

LEVELS: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
EMERG, ALERT, CRIT, ERR, WARNING, NOTICE, INFO, DEBUG = range(8)

FACILITIES: Final = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news",
    "uucp", "cron", "auth2", "ftp", "ntp", "audit", "alert", "cron2",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip

SILENT: Final = -1
_NUMBERS: Final = {name: number for number, name in enumerate(LEVELS)} | {"silent": SILENT}


def number(level: object) -> int:
    """A level in whatever shape a rule stored it: name as text or bytes, or the number itself."""
    if isinstance(level, int):
        return level
    if isinstance(level, bytes):
        level = level.decode("ascii", "replace")
    return _NUMBERS[str(level)]
