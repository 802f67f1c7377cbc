"""set-timeout: which timeouts a proxy may set, and with what."""

from __future__ import annotations

import pytest

from tests.unit.config.judging import alerts, section

KINDS = ("client", "connect", "queue", "server", "tarpit", "tunnel")


def of(kind: str, rule: str) -> list[str]:
    listener = ("bind 127.0.0.1:1",) if kind != "backend" else ()
    return alerts(section(f"{kind} p", "mode http", *listener, f"http-request set-timeout {rule}"))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("value", ("3s", "int(3),mul(1000)"))
def test_a_listen_section_sets_them_all(name: str, value: str) -> None:
    assert of("listen", f"{name} {value}") == []


@pytest.mark.parametrize("name", KINDS)
def test_a_side_sets_its_own(name: str) -> None:
    front, back = of("frontend", f"{name} 3s"), of("backend", f"{name} 3s")
    assert (front == []) == (name in ("client", "tarpit"))
    assert (back == []) == (name != "client")


def test_names_and_times_have_to_be_known() -> None:
    assert "'set-timeout' rule supports" in of("listen", "clinet 3s")[0]
    assert "null value" in of("listen", "queue 0")[0]
    assert of("listen", "queue 3x") != []
    assert of("listen", "queue") != []
