"""How numbers and ranges are written in ACLs: one file with many, judged beside the real HAProxy 2.6."""

from __future__ import annotations

import pytest

from tests.differential.mistakes import Case, compare
from tests.harness import requires

pytestmark = requires("haproxy")

TEXTS = (
    *("1", "1:2", "1-2", "2-1", "2:1", "1:", "1-", ":2", "5:9:3", "5-9-3", "5:-3", "-- -5", "-- -5:-1", "-- -5--1"),
    *(
        "3.0",
        "3.0-3.1",
        "3.0:3.1",
        "3-3.1",
        "3.0-",
        ":3.1",
        "3.0-3.x",
        "3.1-3.0",
        "3.70000",
        "1.2.3",
        "70000",
        "x",
        "1x",
    ),
    *("1x", "1:x", "x:1", "0x10", "007", "1 2 x", "1-2 3:4 5", "9223372036854775807", "9223372036854775808", "gt 3"),
    *("lt x", "eq 1:2", "'1 '", "+1", "-- -5:3", "-- -5:", "-- -5-3", "-- -5-", ":-1", "-- -3:-5"),
)


@pytest.mark.parametrize("word", ["req.ssl_ver", "src_port", "hdr_cnt(a)"])
def test_numbers_and_ranges_are_judged_alike(word: str) -> None:
    cases = [Case("frontend", f"acl a {word} {text}") for text in TEXTS]
    wrong = [str(one) for one in compare(cases)]
    assert not wrong, "\n".join(wrong)
