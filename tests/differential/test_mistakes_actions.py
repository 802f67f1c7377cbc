"""Mistakes in the actions of rules, beside HAProxy: every action of 2.6 in every place, and every way to spoil it."""

from __future__ import annotations

import pytest

from pylb import standard
from pylb.rules.hooks import find_action
from tests.differential.mistakes import Case, Difference, compare, spoilt
from tests.harness import requires

standard.load()
pytestmark = requires("haproxy")

PRELUDE = (
    "backend tab from base\n stick-table type ip size 1k store gpc(4),gpt(4)\n"
    "resolvers rs\n nameserver a 127.0.0.1:53\ncache ca\n total-max-size 4\n"
)
HTTP = ("mode http",)
ACTIONS = (
    "accept",
    "add-acl(/dev/null) %[src]",
    "add-header name %[src]",
    "allow",
    "auth realm text",
    "cache-store ca",
    "cache-use ca",
    "capture hdr(a) len 5",
    "capture src id 0",
    "close",
    "del-acl(/dev/null) %[src]",
    "del-header name -m beg",
    "del-map(/dev/null) %[src]",
    "deny deny_status 429 hdr name value",
    "deny status 403 content-type text/plain string text",
    "disable-l7-retry",
    "do-resolve(txn.a,rs,ipv4) hdr(host)",
    "early-hint name %[src]",
    "expect-netscaler-cip layer4",
    "expect-proxy layer4",
    "normalize-uri path-merge-slashes",
    "ot-group engine group",
    "redirect location /there code 301",
    "reject",
    "replace-header name (.*) \\1",
    "replace-path (.*) \\1",
    "replace-pathq (.*) \\1",
    "replace-uri (.*) \\1",
    "replace-value name (.*) \\1",
    "return status 200 content-type text/plain string text hdr name value",
    "sc-inc-gpc(1,0)",
    "sc-inc-gpc0(0)",
    "sc-inc-gpc1(0)",
    "sc-set-gpt(1,0) 5",
    "sc-set-gpt0(0) 5",
    "sc-set-gpt0(0) int(5)",
    "send-spoe-group engine group",
    "set-dst src",
    "set-dst-port int(80)",
    "set-header name %[src]",
    "set-log-level silent",
    "set-map(/dev/null) %[src] %[src]",
    "set-mark 0x7",
    "set-method GET",
    "set-nice 5",
    "set-path /%[src]",
    "set-pathq /%[src]",
    "set-priority-class int(1)",
    "set-priority-offset int(1)",
    "set-query a=%[src]",
    "set-src src",
    "set-src-port int(80)",
    "set-status 200 reason text",
    "set-timeout server 5s",
    "set-tos 0x10",
    "set-uri /%[src]",
    "set-var(txn.a) src",
    "set-var-fmt(txn.a) %[src]",
    "silent-drop",
    "strict-mode on",
    "switch-mode http proto h1",
    "tarpit deny_status 429",
    "track-sc0 src table tab",
    "unset-var(txn.a)",
    "use-service prometheus-exporter",
    "wait-for-body time 5s at-least 10",
    "wait-for-handshake",
)
PLACES = (
    "tcp-request connection",
    "tcp-request session",
    "tcp-request content",
    "tcp-response content",
    "http-request",
    "http-response",
    "http-after-response",
)


# Actions that 2.6 does not take there, and later versions do.
NEWER = ("del-acl", "del-map", "set-map", "sc-", "set-log-level")


def _newer(case: Case) -> bool:
    return case.line.startswith("http-response set-timeout") or any(
        case.line.startswith(f"http-after-response {word}") for word in NEWER
    )


# Sentences that differ: numbers that HAProxy cuts to 32 bits, PCRE's words for patterns, its own slips.
SENTENCES = (
    "replace-",
    "status 9",
    "deny_status 9",
    "deny_status 249",
    "src id 9",
    "set-timeout",
    "set-var-fmt",
    "use-service",
    "sc-set-gpt0(0) int(5)",
)


def _differences(cases: list[Case], *, sentences: bool = True) -> list[Difference]:
    """Where the verdicts differ. What only comes out after parsing is asked again alone: HAProxy says one of them."""
    found = []
    for each in compare(cases, PRELUDE):
        if _newer(each.case):
            continue
        if each.theirs.level == "accepted" or each.ours.level == "accepted":
            alone = list(compare([each.case], PRELUDE))
            if not alone:
                continue
            each = alone[0]
        if "please report this bug" in each.theirs.message:
            continue
        known = any(f" {part}" in each.case.line for part in SENTENCES) or "' expects '" in each.theirs.message
        if each.weight == "severity" or (sentences and not known):
            found.append(each)
    return found


@pytest.mark.parametrize("place", PLACES)
def test_every_action_in_every_place(place: str) -> None:
    cases = [Case("listen", f"{place} {action}", HTTP) for action in ACTIONS]
    differences = _differences(cases, sentences=False)
    assert not differences, "\n".join(map(str, differences))


@pytest.mark.parametrize("place", PLACES)
def test_mistakes_in_arguments_are_judged_alike(place: str) -> None:
    count = len(place.split(" ")) + 1
    known = [action for action in ACTIONS if find_action(place, action.split(" ")[0]) is not None]
    cases = [Case("listen", line, HTTP) for action in known for line in spoilt(f"{place} {action}", count)]
    # The list of words that HAProxy expects names what it was built with, in the order of its linking.
    differences = _differences(cases)
    assert not differences, "\n".join(map(str, differences))


@pytest.mark.parametrize("section", ["frontend", "backend", "defaults"])
def test_rules_of_sections_are_judged_alike(section: str) -> None:
    cases = [Case(section, f"{place} {action}", HTTP) for place in PLACES for action in ACTIONS]
    differences = _differences(cases, sentences=False)
    assert not differences, "\n".join(map(str, differences))
