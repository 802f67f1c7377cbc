from __future__ import annotations

from typing import Any

import pytest

from pylb import standard
from pylb.config import reader
from pylb.errors import Severity

standard.load()


def settings(*lines: str) -> Any:
    config = reader.parse_text("global\n" + "".join(f" {line}\n" for line in lines))
    assert not config.report.fatal, config.report.items
    return config


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("user nobody", "uid", 65534),
        ("group nogroup", "gid", 65534),
        ("uid 12", "uid", 12),
        ("maxconn 100", "maxconn", 100),
        ("maxconn -3", "maxconn", 0),
        ("hard-stop-after 10s", "hard-stop-after", 10000),
        ("grace 3", "grace", 3),
        ("master-worker", "master-worker", True),
        ("master-worker no-exit-on-failure", "master-worker", "no-exit-on-failure"),
        ("no strict-limits", "strict-limits", False),
        ("description two words", "description", "two words"),
        ("nbthread 4", "nbthread", 4),
        ("nbproc 2", "nbproc", 2),
        (
            "unix-bind prefix /x mode 600 user nobody gid 5",
            "unix-bind",
            {"prefix": "/x", "mode": 0o600, "uid": 65534, "gid": 5},
        ),
        ("chroot /var/empty", "chroot", "/var/empty"),
    ],
)
def test_values_as_the_process_reads_them(line, name, value):
    assert settings(line).globals.get(name) == value


@pytest.mark.parametrize(
    ("first", "second", "name", "message"),
    [
        ("maxconn 5", "maxconn 6", "maxconn", "'maxconn' already specified. Continuing."),
        ("user nobody", "uid 3", "uid", "user/uid already specified. Continuing."),
        ("group nogroup", "gid 3", "gid", "gid/group was already specified. Continuing."),
        ("pidfile /a", "pidfile /b", "pidfile", "'pidfile' already specified. Continuing."),
    ],
)
def test_the_first_of_two_counts(first, second, name, message):
    config = settings(first, second)
    assert config.globals.get(name) == settings(first).globals.get(name)
    assert message in [item.message for item in config.report.items]
    assert config.report.count(Severity.WARNING) == 0


def test_more_workers_than_one_are_a_notice_not_a_warning():
    config = settings("nbthread 4")
    assert config.report.count(Severity.WARNING) == 0
    assert config.report.count(Severity.NOTICE) == 1
