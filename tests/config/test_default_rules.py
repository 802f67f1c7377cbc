"""Rules of a defaults section that name a stick table: judged under the section's own name, once a proxy uses it."""

from __future__ import annotations

import pytest

from pylb import standard
from pylb.config.reader import parse_text
from pylb.config.resolve import resolve
from pylb.program import Program

TABLE = "backend be{base}\n    stick-table type ip size 100 store http_req_rate(10s)\n    server s 127.0.0.1:80\n"


def complaints(text: str) -> list[str]:
    standard.load()
    config = parse_text(text)
    resolve(config)
    if not config.report.fatal:
        Program(config).compile()
    return [item.message for item in config.report.items if item.severity >= 2]


@pytest.mark.parametrize(
    ("rule", "base", "told"),
    [
        ("track-sc0 src table be", " from d", []),
        ("track-sc0 src", " from d", ["Proxy 'd': unable to find table 'd' referenced by track-sc0."]),
        ("track-sc0 src table no", " from d", ["Proxy 'd': unable to find table 'no' referenced by track-sc0."]),
        ("track-sc0 src table no", " from other", []),
        ("deny if { sc_http_req_rate(0,be) gt 20 }", " from d", []),
    ],
)
def test_tables_of_default_rules(rule: str, base: str, told: list[str]) -> None:
    text = f"defaults other\n    mode http\ndefaults d\n    mode http\n    http-request {rule}\n"
    errors = [message for message in complaints(text + TABLE.format(base=base)) if "table" in message]
    assert errors == told
