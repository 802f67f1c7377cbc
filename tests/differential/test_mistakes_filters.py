"""Mistakes in `filter` and `compression` lines, beside HAProxy."""

from __future__ import annotations

import pytest

from tests.differential.mistakes import Case, Difference, compare, spoilt
from tests.harness import requires

pytestmark = requires("haproxy")

PRELUDE = "cache ca\n total-max-size 4\nfcgi-app app\n docroot /a\n"
HTTP = ("mode http",)
FILTERS = (
    "filter trace name a random-parsing random-forwarding hexdump quiet",
    "filter compression",
    "filter cache ca",
    "filter spoe engine a config /nonexistent",
    "filter fcgi-app app",
    "filter opentracing id a config /nonexistent",
)
COMPRESSION = (
    "compression algo gzip",
    "compression algo gzip deflate raw-deflate identity",
    "compression type text/html text/plain",
    "compression offload",
)


def _differences(cases: list[Case]) -> list[Difference]:
    """What only comes out after parsing is asked again alone: HAProxy tells one such problem of a file."""
    found = []
    for each in compare(cases, PRELUDE):
        alone = list(compare([each.case], PRELUDE)) if "accepted" in (each.theirs.level, each.ours.level) else [each]
        found += [one for one in alone if "Registered keywords" not in one.theirs.message or one.weight == "severity"]
    return found


@pytest.mark.parametrize("lines", [FILTERS, COMPRESSION], ids=["filter", "compression"])
def test_mistakes_are_judged_alike(lines: tuple[str, ...]) -> None:
    differences = _differences([Case("listen", wrong, HTTP) for line in lines for wrong in spoilt(line)])
    assert not differences, "\n".join(map(str, differences))


@pytest.mark.parametrize("section", ["frontend", "backend", "defaults", "global"])
def test_lines_in_other_sections_are_judged_alike(section: str) -> None:
    before = () if section == "global" else HTTP
    differences = _differences([Case(section, line, before) for line in (*FILTERS, *COMPRESSION)])
    assert not differences, "\n".join(map(str, differences))
