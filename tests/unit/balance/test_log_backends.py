"""The algorithms of log backends: their arguments, and the mode they need."""

from __future__ import annotations

import pytest

from tests.unit.config.judging import alerts, section

MODE = "backend 'b' : 'balance {}' is for backends in mode log."


def backend(line: str, mode: str = "log") -> str:
    return section("backend b", f"balance {line}", f"mode {mode}", "server s udp@127.0.0.1:514")


@pytest.mark.parametrize("line", ("sticky", r"log-hash 'field(-2,\"),field(2,/),field(1, )'", "log-hash lower"))
def test_a_valid_line_is_accepted(line: str) -> None:
    assert alerts(backend(line)) == []


def test_converters_have_to_be_known() -> None:
    assert alerts(backend("log-hash"))[0] == "'balance log-hash' expects a list of converters."
    assert "zork" in alerts(backend("log-hash lower,zork"))[0]


@pytest.mark.parametrize("name", ("sticky", "log-hash"))
def test_other_modes_have_other_algorithms(name: str) -> None:
    text = backend(f"{name} lower" if name == "log-hash" else name, mode="tcp").replace("udp@", "")
    assert alerts(text) == [MODE.format(name)]
