"""Mistakes in every word of global and of the proxies, beside the real HAProxy: the same severity, the same sentence.

`DIFFERENT` is the reviewed table of what may differ: the first pattern that matches a case's line says why. Everything
else fails. A difference of sentences only is listed as well, so that the table tells all of them.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable

import pytest

from tests.differential.mistakes import PROXIES, Case, Difference, compare, everywhere, spoilt
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

DIFFERENT: tuple[tuple[str, str], ...] = (
    # whole words
    (
        r"^(no |default )?(debug|prealloc-fd|quick-exit|profiling\.memory|ssl-engine|tune\.memory\.hot-size"
        r"|tune\.quic\.|tune\.zlib\.|wurfl-|deviceatlas-|51degrees-)",
        NEWER,
    ),
    (
        r"^(no |default )?(nbproc|tune\.chksize|grace|monitor-net|appsession|block|reqadd|redispatch|clitimeout"
        r"|contimeout|srvtimeout|timeout clitimeout|bind-process|stats bind-process|option (forceclose|http-tunnel"
        r"|http-use-htx|http_proxy|independant-streams))\b",
        OLD,
    ),
    (r"^default option ", DEFAULT),
    (r"^(no |default )?ssl-(provider|propquery) ", EXTERNAL),
    # single values
    (r"^external-check preserve-env", NEWER),
    (r"^ssl-default-bind-options .*strict-sni", NEWER),
    (r"^tune\.(idle-pool\.shared|listener\.multi-queue)\b", NEWER + ": 'full', 'fair'"),
    (r"^thread-groups? ", "2.6 is built with a single group; 16 are allowed since 2.7"),
    (r"^(user|group) ", "`uid` and `gid` stand in the same file: HAProxy no longer looks the name up"),
    (r"^(gid|uid) -1$", "2.6 takes it for the largest number; here it is no number"),
    (r"^tune\.ssl\.default-dh-param -1$", "2.6 takes it for the largest number"),
    (r"^mworker-max-reloads", "2.6 prints '(null)' before this sentence"),
    (r"^(presetenv|setenv) A b zork$", "2.6 overlooks a single surplus word"),
    (r"^tune\.ssl\.capture-cipherlist-size", "2.6 counts lines of one load; here the last one holds"),
    (r"^default-path origin ", "the sentence of HAProxy names the folder it was started in"),
    (r"^profiling\.tasks auto zork", NEWER + ": several words"),
    (r"^stats (socket|timeout)\b", OTHER_SHAPE),
    (r"^stats refresh( zork)?$", "2.6 reads on into freed words"),
    (r"^default log ", DEFAULT),
    (r"^external-check (command|path)", OTHER_SHAPE),
    (r"^(acl|http-error|redirect|stats http-request|errorloc|errorfile|transparent|default-server)", OTHER_SHAPE),
    (r"^balance uri ", "2.6 reads the digits in front of a number's letters"),
    (r"^capture (cokoie|(request|response) hedaer) ", OTHER_SHAPE),
    (r"^dispatch |^source ", "odd numeric addresses and names are judged when sockets are made"),
    (r"^id ", "the number is taken by another section of the same file"),
    (r"^option external-check$", "a frontend runs no checks; HAProxy asks for what they would need"),
    (r"^(no )?option abortonclose$", NEWER + ": frontends have it"),
    (r"^option httpt-unnel|^option http-sue-htx|^option httpp_roxy", "the suggestion"),
    (r"^use-(fcgi-app|server) |^retry-on$|^scope$|^stats scope$", OTHER_SHAPE),
    (r"^filter\b", "filters have tests of their own"),
    (r"^errorfiles ", "2.6 begins its sentence with 'config:'"),
)


def reason(difference: Difference) -> str:
    """Why a case may be judged differently; an empty string when it may not."""
    return next((why for pattern, why in DIFFERENT if re.search(pattern, difference.case.line)), "")


def unexplained(cases: Iterable[Case]) -> tuple[list[str], Counter[str]]:
    reasons: Counter[str] = Counter()
    wrong = []
    for difference in compare(cases, PRELUDE):
        why = reason(difference)
        if why:
            reasons[why] += 1
        else:
            wrong.append(str(difference))
    return wrong, reasons


def global_cases() -> list[Case]:
    return [Case("global", line) for valid, words in GLOBAL for line in spoilt(valid, words)]


def proxy_cases(section: str) -> list[Case]:
    return [Case(section, line) for valid, words in PROXY for line in spoilt(valid, words)]


@functools.cache
def _global() -> tuple[list[str], Counter[str]]:
    return unexplained(global_cases())


def test_mistakes_in_global_are_judged_alike() -> None:
    wrong, _ = _global()
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("section", PROXIES)
def test_mistakes_in_proxies_are_judged_alike(section: str) -> None:
    wrong, _ = unexplained(proxy_cases(section))
    assert not wrong, "\n".join(wrong)


def test_words_in_foreign_sections_are_judged_alike() -> None:
    cases = [case for valid, _ in GLOBAL for case in everywhere(valid, PROXIES)]
    cases += [Case("global", valid) for valid, _ in PROXY]
    wrong, _ = unexplained(cases)
    assert not wrong, "\n".join(wrong)


def test_the_table_of_differences_stays_small() -> None:
    """A pattern that explains most cases of the suite would hide mistakes."""
    cases = global_cases()
    _, reasons = _global()
    assert sum(reasons.values()) < len(cases) // 5
