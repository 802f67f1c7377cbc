"""Mistakes in every word of global and of the proxies, beside the real HAProxy: the same severity, the same sentence.

`DIFFERENT` is the reviewed table of what may differ: the first pattern that matches a case's line says why. Everything
else fails. A difference of sentences only is listed as well, so that the table tells all of them.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

import pytest

from tests.differential.mistakes import ERROR, PROXIES, Case, Difference, Verdict, confirmed, everywhere, spoilt
from tests.differential.valid_lines import GLOBAL, PROXY
from tests.harness import requires

pytestmark = requires("haproxy")

PRELUDE = """mailers M
 mailer x 127.0.0.1:25
http-errors E
 errorfile 400 /dev/null
backend b from base
backend T from base
 stick-table type ip size 1k
cache C
 total-max-size 4
fcgi-app A
 docroot /x
"""

OLD = "removed from HAProxy before 2.6: files of that age load here"
NEWER = "word or value of HAProxy after 2.6, or of another build of it"
DEFAULT = "documented for options; 2.6 takes the option's name for an argument by mistake"
EXTERNAL = "depends on what libraries of TLS or Lua find on a machine"
OTHER_SHAPE = "the same mistake is found at another word of the line, or told in fewer words"


class Entry(NamedTuple):
    """What may differ: the severity too, or the sentence alone."""

    pattern: str
    why: str
    verdicts: bool = False


DIFFERENT: Final = (
    # whole words
    Entry(
        r"^(no |default )?(debug|prealloc-fd|quick-exit|profiling\.memory|ssl-engine|tune\.memory\.hot-size"
        r"|tune\.quic\.|tune\.zlib\.|wurfl-|deviceatlas-|51degrees-)",
        NEWER,
        verdicts=True,
    ),
    Entry(
        r"^(no |default )?(nbproc|tune\.chksize|grace|monitor-net|appsession|block|reqadd|redispatch|clitimeout"
        r"|contimeout|srvtimeout|timeout clitimeout|bind-process|stats bind-process|option (forceclose|http-tunnel"
        r"|http-use-htx|http_proxy|independant-streams))\b",
        OLD,
        verdicts=True,
    ),
    Entry(r"^default option ", DEFAULT, verdicts=True),
    Entry(r"^default log ", DEFAULT, verdicts=True),
    Entry(r"^ssl-(provider|propquery) ", EXTERNAL, verdicts=True),
    # single values
    Entry(r"^external-check preserve-env", NEWER, verdicts=True),
    Entry(r"^ssl-default-bind-options .*strict-sni", NEWER, verdicts=True),
    Entry(r"^tune\.(idle-pool\.shared|listener\.multi-queue)\b", NEWER + ": 'full', 'fair'"),
    Entry(r"^thread-groups? ", "2.6 is built with a single group; 16 are allowed since 2.7"),
    Entry(r"^(gid|uid) -1$", "2.6 takes it for the largest number; here it is no number", verdicts=True),
    Entry(r"^tune\.ssl\.default-dh-param -1$", "2.6 takes it for the largest number", verdicts=True),
    Entry(r"^mworker-max-reloads", "2.6 prints '(null)' before this sentence"),
    Entry(r"^default-path origin ", "the sentence of HAProxy names the folder it was started in"),
    Entry(r"^profiling\.tasks auto zork", NEWER + ": several words"),
    Entry(r"^stats refresh( zork)?$", "2.6 reads on into freed words"),
    Entry(r"^acl$", "2.6 reads on into freed words"),
    Entry(r"^capture (cokoie|(request|response) hedaer) ", OTHER_SHAPE),
    Entry(r"^(no )?option abortonclose$", NEWER + ": frontends have it", verdicts=True),
    Entry(r"^stats timeout$", "the sentence of 2.6 breaks off at the end of the line"),
    Entry(r"^external-check (command|path) ", OTHER_SHAPE),
    Entry(r"^stats http-request", "the list names the actions of each version"),
    Entry(r"^errorfiles E 400 403$", "2.6 begins its sentence with 'config:'"),
    Entry(r"^transparent zork", "called by its name of today, `option transparent`"),
    Entry(r"^default-server INTER ", "the suggestion"),
    Entry(r"^dispatch 127\.00\.\.1:80$", "names are looked up when sockets are made", verdicts=True),
    Entry(r"^source .* usesrc$", NEWER + ": hdr_ip() stands in the list"),
    Entry(r"^filter fcgi-app A$", OTHER_SHAPE),
    Entry(r"^retry-on$", OTHER_SHAPE),
)

ALLOWED: Final = {
    "global": (126, 170),
    "frontend": (94, 206),
    "backend": (97, 201),
    "listen": (91, 207),
    "defaults": (74, 193),
    "foreign": (4, 2),
}
"""How many differences of severity, and of sentences, the table explains in each group: most are removed words."""


@functools.cache
def _entry(line: str, severity: bool) -> Entry | None:
    return next(
        (each for each in DIFFERENT if (each.verdicts or not severity) and re.search(each.pattern, line)),
        None,
    )


def reason(difference: Difference) -> Entry | None:
    """The entry that lets a case be judged differently: of the severity only if the entry says so."""
    return _entry(difference.case.line, difference.weight == "severity")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one group of cases gave."""

    cases: int
    unexplained: list[str]
    used: Counter[Entry]
    severities: int
    sentences: int


def judge(cases: Iterable[Case]) -> Outcome:
    cases = list(dict.fromkeys(cases))
    used: Counter[Entry] = Counter()
    weights: Counter[str] = Counter()
    wrong = []
    for difference in confirmed(cases, PRELUDE):
        weights[difference.weight] += 1
        entry = reason(difference)
        if entry is None:
            wrong.append(str(difference))
        else:
            used[entry] += 1
    return Outcome(len(cases), wrong, used, weights["severity"], weights["sentence"])


def global_cases() -> list[Case]:
    return [Case("global", line) for valid, words in GLOBAL for line in spoilt(valid, words)]


def proxy_cases(section: str) -> list[Case]:
    return [Case(section, line) for valid, words in PROXY for line in spoilt(valid, words)]


def foreign_cases() -> list[Case]:
    """Words of global in proxies, and the other way round."""
    cases = [case for valid, _ in GLOBAL for case in everywhere(valid, PROXIES)]
    return cases + [Case("global", valid) for valid, _ in PROXY]


GROUPS = ("global", *PROXIES, "foreign")


@functools.cache
def outcome(group: str) -> Outcome:
    if group == "global":
        return judge(global_cases())
    return judge(foreign_cases() if group == "foreign" else proxy_cases(group))


@pytest.mark.parametrize("group", GROUPS)
def test_mistakes_are_judged_alike(group: str) -> None:
    wrong = outcome(group).unexplained
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("group", GROUPS)
def test_the_table_of_differences_explains_few_cases(group: str) -> None:
    """A pattern that explains many cases would hide mistakes."""
    found = outcome(group)
    severities, sentences = ALLOWED[group]
    assert found.severities <= severities
    assert found.sentences <= sentences


def test_every_entry_of_the_table_is_needed() -> None:
    used = sum((outcome(group).used for group in GROUPS), Counter())
    assert [entry.pattern for entry in DIFFERENT if not used[entry]] == []


def test_an_entry_for_sentences_explains_no_difference_of_verdicts() -> None:
    case = Case("listen", "capture cokoie C len 32")
    alerts = Verdict(ERROR, "one"), Verdict(ERROR, "other")
    assert reason(Difference(case, *alerts)) is not None
    assert reason(Difference(case, alerts[0], Verdict())) is None
