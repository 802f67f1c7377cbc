"""`from` and named `default-server` lines: where the settings of a server begin."""

from __future__ import annotations

from typing import Any

import pytest

from pylb import standard
from pylb.config.model import Configuration
from pylb.config.reader import parse_text

standard.load()


def parsed(lines: str, before: str = "") -> Configuration:
    body = "\n ".join(line.strip() for line in lines.strip().splitlines())
    return parse_text(f"{before}backend be\n {body}\n")


def values(lines: str, name: str, before: str = "") -> dict[str, Any]:
    config = parsed(lines, before)
    assert not config.report.fatal, [item.message for item in config.report.items]
    return config.proxies[-1].server_names[name].values


def alerts(lines: str) -> list[str]:
    return [item.message for item in parsed(lines).report.items if item.severity.name == "ALERT"]


def test_a_server_begins_with_the_unnamed_default_server() -> None:
    assert values("default-server weight 10\nserver s 127.0.0.1:1", "s")["weight"] == 10
    assert values("default-server weight 10\nserver s 127.0.0.1:1 from be:", "s")["weight"] == 10


def test_from_none_forgets_it() -> None:
    assert "weight" not in values("default-server weight 10\nserver s 127.0.0.1:1 from none", "s")
    assert "weight" not in values("default-server weight 10\ndefault-server from none\nserver s 127.0.0.1:1", "s")
    assert values("default-server weight 10\nserver s 127.0.0.1:1 from none weight 3", "s")["weight"] == 3
    assert "weight" not in values("default-server weight 10\nserver-template s 2 127.0.0.1:1 from none", "s2")


def test_a_named_default_server_begins_with_nothing_and_adds_up() -> None:
    assert "weight" not in values(
        "default-server weight 9\ndefault-server name o\nserver s 127.0.0.1:1 from srv:o", "s"
    )
    found = values("default-server name o weight 9\ndefault-server name o backup\nserver s 127.0.0.1:1 from srv:o", "s")
    assert (found["weight"], found["backup"]) == (9, True)


def test_a_named_default_server_copies_what_it_is_told_to() -> None:
    lines = "default-server weight 9\ndefault-server name o from be: backup\nserver s 127.0.0.1:1 from srv:o"
    assert (values(lines, "s")["weight"], values(lines, "s")["backup"]) == (9, True)


def test_settings_of_a_server_and_of_another_backend() -> None:
    before = "backend other\n default-server weight 4\n server a 127.0.0.1:1 id 7 weight 6\n"
    assert values("server s 127.0.0.1:1 from be:other", "s", before)["weight"] == 4
    found = values("server s 127.0.0.1:1 from srv:other/a", "s", before)
    assert (found["weight"], found.get("id")) == (6, None)


def test_what_is_copied_is_not_shared() -> None:
    config = parsed(
        "default-server name o weight 9\nserver s 127.0.0.1:1 from srv:o weight 3\nserver t 127.0.0.1:1 from srv:o"
    )
    assert [server.values["weight"] for server in config.proxies[-1].servers] == [3, 9]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("server s 127.0.0.1:1 weight 3 from none", "'from' must stand before all other settings of the server."),
        ("server s 127.0.0.1:1 from", "'from' expects an origin: none, be:[<backend>] or srv:[<backend>/]<name>."),
        ("server s 127.0.0.1:1 from nothing", "unknown origin 'nothing' in 'from', use none, be:[<backend>] or srv:"),
        ("server s 127.0.0.1:1 from be:nope", "unable to find backend 'nope' of 'from be:nope' above this line."),
        ("server s 127.0.0.1:1 from srv:nope", "unable to find server or default-server 'nope' of 'from srv:nope'"),
        ("default-server name", "'name' expects a name for the default-server."),
        ("default-server name a/b", "character '/' is not permitted in default-server name 'a/b'."),
        ("server a 127.0.0.1:1\ndefault-server name a", "a server named 'a' was already defined"),
        ("default-server name a\nserver a 127.0.0.1:1", "a default-server named 'a' was already defined"),
    ],
)
def test_mistakes(lines: str, message: str) -> None:
    (found,) = alerts(lines)
    assert message in found
