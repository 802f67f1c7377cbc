"""Mistakes in the smaller sections, beside HAProxy: their words with missing, surplus and wrong arguments.

Left out: wrong sizes of a cache, which HAProxy calls a warning and refuses all the same, and references inside a
userlist, which it reports without a line (test_config_errors has both kinds).
"""

from __future__ import annotations

import re

import pytest

from tests.differential.mistakes import Case, Difference, compare, confirmed, spoilt
from tests.differential.valid_lines_sections import SECTIONS
from tests.harness import requires

pytestmark = requires("haproxy")

FIRST = {
    "cache": ("total-max-size 4",),
    "resolvers": ("nameserver d 127.0.0.1:53",),
    "mailers": ("mailer d 127.0.0.1:25",),
    "log-forward": ("bind 127.0.0.1:1",),
    "fcgi-app": ("docroot /",),
    "program": ("command x",),
}
LINES = {
    "cache": """max-age|max-age x|max-age 1 2|max-object-size 9999999|process-vary
process-vary on|process-vary x|zork|no max-age 3""",
    "peers": """bind|bind :1|bind :1 zork|bind foo|default-bind zork|default-server zork|log|log global|log zork|peer
peer a|peer a zork|peer a 127.0.0.1:1|peer a 127.0.0.1:1 zork|peer a! 127.0.0.1:1|server a 127.0.0.1:1|server a! 1:1
disabled|enabled|table|table t type ip|table t type ip size 1k|table t type ip size 1k peers p|no disabled|zork
table t type ip size 1k store zork|peer a 127.0.0.1:80-90|peer a 127.0.0.1:1 check|no peer a 127.0.0.1:1""",
    "resolvers": """nameserver|nameserver a|nameserver a zork|nameserver a 127.0.0.1:53|nameserver a! 127.0.0.1:53
nameserver d 127.0.0.1:54|nameserver a tcp@127.0.0.1:53 zork|nameserver a 127.0.0.1:0|nameserver a fd@3|hold
parse-resolv-conf x|hold zork 1s|hold valid x|hold valid 1s 2s|accepted_payload_size|accepted_payload_size 11
accepted_payload_size 512 x|resolution_pool_size 3|resolve_retries|resolve_retries x|timeout|timeout zork 1s
timeout resolve|timeout resolve x|timeout retry 1s 2|timeout resolve 99999999999|zork""",
    "mailers": """mailer|mailer a|mailer a zork|mailer a 127.0.0.1|mailer a! 127.0.0.1:25|mailer a udp@127.0.0.1:25
mailer a unix@/tmp/x|timeout|timeout zork|timeout mail|timeout mail x|timeout mail 1s 2s|zork""",
    "ring": """size|size x|size 0|format|format x|format raw x|description|maxlen|maxlen x|maxlen 0|server|server a
backing-file /nonexistent/x|server a zork|server a 127.0.0.1:514 zork|server a! 127.0.0.1:514|timeout connect
timeout connect x|timeout x|default-server x|server a udp@127.0.0.1:514|no size 3|zork""",
    "log-forward": """bind 127.0.0.1:2 zork|dgram-bind 127.0.0.1:2 zork|dgram-bind tcp@127.0.0.1:2|dgram-bind foo
dgram-bind 127.0.0.1:2 name|backlog|backlog x|backlog 1 2|maxconn|maxconn 1 2|log|log x|log global|log 127.0.0.1:1
log stdout format raw zork|log stdout format zork local0|timeout|timeout x|timeout client|option|option x|zork""",
    "fcgi-app": """docroot|docroot / x|index|index x y|path-info|path-info (|pass-header|pass-header x|pass-header x y
pass-header x if zork|pass-header x if TRUE|set-param|set-param x|set-param x y z|set-param x y if zork|acl a
acl a zork x|acl a! path|acl or path|option|option x|option keep-conn x|no option keep-conn|option max-reqs
option max-reqs 0|no option max-reqs|log-stderr|log-stderr x|log-stderr global|log-stderr global x|zork""",
    "http-errors": "errorfile|errorfile 503|errorfile x /y|errorfile 503 /nonexistent|errorfile 299 /x|errorfiles x",
    "userlist": """user|user a|user a zork|user a password|user a groups|user a password x zork|group
group a users|group a zork|group a users x zork|user a! password x|no user a|zork""",
}


@pytest.mark.parametrize("section", LINES)
def test_sections_are_judged_alike(section: str) -> None:
    lines = [line for row in LINES[section].splitlines() for line in row.split("|")]
    cases = [Case(section, line, FIRST.get(section, ())) for line in lines]
    wrong = [difference for difference in compare(cases) if difference.weight == "severity"]
    assert not wrong, "\n".join(map(str, wrong))


DIGITS = "2.6 reads the digits in front of a number's letters, and cuts it to 32 bits"
GOES_ON = "HAProxy calls it an alert and goes on; here it is a warning"
REFUSED = "HAProxy calls it a warning and refuses the file all the same"
DEFAULT = "documented for options; 2.6 takes the option's name for an argument by mistake"
DIFFERENT: tuple[tuple[str, str, str], ...] = (
    ("cache", r"^(total-max-size|max-object-size|max-secondary-entries)\b", REFUSED),
    ("ring", r"^size ", REFUSED + "; " + DIGITS),
    ("ring", r"^maxlen ", DIGITS),
    ("log-forward", r"^bind ", GOES_ON),
    ("log-forward", r"^timeout client ", "2.6 refuses the file without a sentence about the line"),
    ("(peers|log-forward)", r"^default log ", "documented for log lines; 2.6 takes a word for an argument by mistake"),
    ("peers", r"^table .* len -1 ", "the same mistake; 2.6 takes -1 for the largest length"),
    ("peers", r"^default-server WEIGHT", "a hint behind the same sentence"),
    ("fcgi-app", r"^acl( a( path)?)?$", "2.6 tells of freed memory"),
    ("fcgi-app", r"^default option ", DEFAULT),
    ("fcgi-app", r"^option max-reqs -1$", "2.6 takes it for the largest number"),
    ("http-errors", r"^errorfile 99999999999 ", DIGITS),
)


def _reason(difference: Difference) -> str:
    """Why a case may be judged differently; an empty string when it may not."""
    case = difference.case
    return next(
        (why for place, text, why in DIFFERENT if re.fullmatch(place, case.section) and re.search(text, case.line)), ""
    )


@pytest.mark.parametrize("section", SECTIONS)
def test_every_word_of_sections_is_judged_alike(section: str) -> None:
    cases = []
    for valid, words in SECTIONS[section]:
        name = " ".join(valid.split(" ")[:words])
        before = tuple(line for line in FIRST.get(section, ()) if not line.startswith(f"{name} "))
        cases += [Case(section, line, before) for line in spoilt(valid, words)]
    wrong = [each for each in confirmed(cases) if not _reason(each)]
    assert not wrong, "\n".join(map(str, wrong))
