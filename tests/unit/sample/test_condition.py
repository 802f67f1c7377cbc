"""Conditions and ACLs: three answers, alternatives, negation, occurrences, warnings and complaints."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.sample.acl import Acl, always, never
from pylb.sample.condition import Condition, Use
from pylb.sample.scopes import Point
from pylb.sample.values import WAIT
from tests.unit.sample.scene import Scene, complaint, stream, waiting


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", False),
        ("or", False),
        ("TRUE or", True),
        ("or TRUE", True),
        ("TRUE or or TRUE", True),
        ("!", False),
        ("! TRUE", False),
        ("!!TRUE", True),
        ("! ! TRUE", True),
        ("TRUE ! or FALSE", True),
        ("FALSE ! or TRUE", True),
        ("TRUE FALSE", False),
        ("FALSE || TRUE TRUE", True),
        ("{ int(5) gt 4 7 }", True),
        ("{ int(5) ge 4 le 2 }", True),
        ("{ int(5) 1:4 5 }", True),
        ("{ int(5) :4 }", False),
        ("{ int(5) 5: }", True),
        ("{ int(-5) lt 0 }", True),
        ("{ int(-5) -- -5 }", True),
        ("{ str(12abc) -m int 12 }", True),
        ("{ str() -m int 0 }", False),
        ("{ str() -m found }", True),
        ("{ hdr(nope) -m found }", False),
        ("!{ hdr(nope) -m found }", True),
        ("{ str(1) -m bool }", True),
        ("{ int(1234) -m len 4 }", True),
        ("{ int(1234) -m beg 12 }", True),
        ("{ src -m sub 27.0 }", True),
        ("{ str(aBc) -i ABC }", True),
        ("{ str(aBc) abc }", False),
        ("{ str(abc) -m bin 616263 }", True),
        ("{ str(/a/b/) -m dir a/b }", True),
        ("{ str(/a/bc) -m dir a/b }", False),
        ("{ str(//) -m dir / }", True),
        ("{ str(abc) -m dir / }", False),
        ("{ str(www.a.com) -m dom a.com }", True),
        ("{ str(a?b) -m dom b }", True),
        ("{ src 127.0.0.1/255.0.0.255 }", True),
        ("{ src 0.0.0.0/0 }", True),
        ("{ src ::ffff:0:0/96 }", True),
        ("{ bin(610062) -m str a }", True),
        ("{ bin(610062) -m bin 610062 }", True),
        ("{ bin(610062) -m len 1 }", True),
        ("{ bool(1) -m int 1 }", True),
        ("{ str(1.2.3.4) -m ip 1.2.3.0/24 }", True),
        ("{ str(zz) -m ip 0.0.0.0/0 }", False),
        ("{ str(-i) -- -i }", True),
        ("{ str(-i) x -i }", True),
        ("{ always_true whatever }", True),
        ("{ path_beg /A }", False),
        ("{ path_beg -i /A }", True),
        ("{ method GET }", True),
        ("{ method get }", False),
        ("{ method -i get }", False),
        ("{ method,lower get }", True),
        ("{ str(aBc) lower abc }", True),  # converters as words of their own
        ("{ str(aBc), lower upper -m str ABC }", True),
        ("{ str(aBc), lower,hex -m sub 6263 }", True),
        ("{ method upper GET }", True),  # not behind an ACL keyword: two patterns
        ("{ method lower get }", False),
        ("METH_GET !METH_POST HTTP_URL_SLASH LOCALHOST WAIT_END", True),
        ("HTTP_URL_ABS or HTTP_URL_STAR or HTTP_CONTENT", False),
    ],
)
def test_conditions_answer(text: str, answer: bool) -> None:
    assert Scene().holds(text) is answer


def test_unless_negates_the_whole() -> None:
    condition = Scene().condition("unless", "TRUE")
    assert condition.compile()(stream()) is False
    assert Scene().condition("unless").compile()(stream()) is True


def test_every_occurrence_of_a_header_is_tried() -> None:
    ctx = stream(b"/", (b"x-l", b"a, b"), (b"X-L", b"c"))
    scene = Scene()
    assert scene.holds("{ hdr(x-l) b }", ctx)
    assert scene.holds("{ hdr(x-l) c }", ctx)
    assert not scene.holds("{ hdr(x-l,1) b }", ctx)
    assert scene.holds("{ hdr(x-l,-1) c }", ctx)
    assert scene.holds("{ hdr(x-l),upper B }", ctx)
    assert not scene.holds("{ req.fhdr(x-l) b }", ctx)


def test_acls_of_one_name_are_alternatives_and_seen_as_they_stood() -> None:
    scene = Scene()
    scene.acl("x", "path", "/no")
    before = scene.condition("if", "x").compile()
    scene.acl("x", "path", "/a/b")
    assert before(stream()) is False
    assert scene.condition("if", "x").compile()(stream()) is True


def test_an_own_acl_hides_a_predefined_one() -> None:
    scene = Scene()
    scene.acl("TRUE", "path", "/other")
    assert scene.holds("TRUE") is False


def test_what_has_not_arrived_is_neither_true_nor_false() -> None:
    scene = Scene()
    for text in ("{ path /x }", "!{ path /x }", "TRUE { path /x }", "{ path /x } or FALSE", "{ path /x } FALSE"):
        assert scene.holds(text, waiting()) is WAIT, text
    assert scene.holds("{ path /x } or TRUE", waiting()) is True
    assert scene.holds("FALSE { path /x }", waiting()) is False


def test_at_the_end_what_has_not_arrived_is_a_miss_and_its_negation_true() -> None:
    scene = Scene()
    assert scene.holds("{ path /x }", waiting(final=True)) is False
    assert scene.holds("!{ path /x }", waiting(final=True)) is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["if", "nosuch"], "no such ACL : 'nosuch'."),
        (["if", "{", "}"], "missing fetch method in ACL expression ''."),
        (["if", "{", "path", "a"], "missing closing '}' in condition."),
        (["if", "{", "path", "", "}"], "missing closing '}' in condition."),
        (["if", "{", "path", "a", "}", "}"], "no such ACL : '}'."),
        (["if", "{", "nosuch", "a", "}"], "unknown fetch method 'nosuch' in ACL expression 'nosuch'."),
        (["if", "{", "path", "-m", "foo", "a", "}"], "unknown matching method 'foo' when parsing ACL expression."),
    ],
)
def test_complaints_about_conditions(words: list[str], message: str) -> None:
    begin = "error detected while parsing an 'http-request deny' condition : "
    assert complaint(Scene().condition, *words) == begin + message


def test_what_stands_before_a_condition_must_be_if_or_unless() -> None:
    message = "'http-request deny' expects either 'if' or 'unless' followed by a condition but found 'foo'."
    assert complaint(Scene().condition, "foo") == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hdr(host"], "ACL keyword 'hdr' : expected ')'"),
        (["hdr(host)x", "a"], "ACL keyword 'hdr' : missing comma after fetch keyword."),
        (["hdr(host),nosuch", "a"], "ACL keyword 'hdr' : unknown converter 'nosuch'."),
        (["path", "-m"], "unknown matching method '' when parsing ACL expression"),
        (
            ["path", "-z", "a"],
            "'-z' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'",
        ),
        (["path", "-f", "/nonexistent"], "failed to open pattern file </nonexistent>"),
        (["path", "-m", "int", "a"], "'a' is not a number"),
        (["path", "-m", "int", "1:a"], "'1:a' is not a valid number range"),
        (["path_len", "5:2"], "'5:2' is not a valid number range"),
        (["path_len", "gt", "a"], "'a' is neither a number nor a supported operator"),
        (["dst_port", "99999999999999999999"], "'99999999999999999999' is not a number"),
        (["src", "1.2.3.4/33"], "'1.2.3.4/33' is not a valid IPv4 or IPv6 address"),
        (["src", "-n", "localhost"], "'localhost' is not a valid IPv4 or IPv6 address"),
        (["path_reg", "("], "regex '(' is invalid (error=missing closing parenthesis, erroffset=1)"),
        (["path", "-m", "bin", "zz"], "an hex digit is expected (found 'z')"),
        (["path", "-m", "bin", "abc"], "an even number of hex digit is expected"),
        (["path", "-u", "a", "b"], "the argument of -u must be an integer"),
        (
            ["bin(00)", "00"],
            "matching method must be specified first (using '-m') when using a sample fetch of this type ('bin')",
        ),
    ],
)
def test_complaints_about_acls(words: list[str], message: str) -> None:
    assert complaint(Scene().acl, "x", *words) == f"error detected while parsing ACL 'x' : {message}."


def test_complaints_about_names() -> None:
    scene = Scene()
    assert complaint(scene.acl, "x!", "path", "a") == "character '!' is not permitted in acl name 'x!'."
    assert complaint(scene.acl, "or", "path", "a").startswith("acl name 'or' will never match.")


def test_a_misplaced_fetch_warns_and_never_matches() -> None:
    scene = Scene(Point.FE_RESPONSE, "http-response")
    assert scene.holds("{ path /a/b }") is False
    assert scene.holds("!{ path /a/b }") is True
    assert scene.warnings[0] == (
        "anonymous acl will never match because it uses keyword 'path' which is incompatible with "
        "'frontend http-response header rule'"
    )


def test_an_acl_without_patterns_warns_unless_it_says_so() -> None:
    scene = Scene()
    assert scene.holds("{ path }") is False
    assert "no pattern to match against were provided" in scene.warnings[0]
    scene = Scene()
    assert scene.holds("{ path -- }") is False
    assert scene.holds("{ path -m found }") is True
    assert scene.warnings == []


def test_a_traced_condition_answers_the_same_and_tells_why() -> None:
    heard: list[Any] = []
    condition = Scene().condition("if", "METH_GET", "{", "path_beg", "/a", "}")
    traced = condition.compile(None, lambda node, value: heard.append(value))
    assert traced(stream()) is True
    assert heard == [b"GET", True, b"/a/b", True, True]


ANSWERS = {"T": True, "F": False, "W": WAIT}


class _Fixed(Acl):
    """An ACL with a fixed answer."""

    def __init__(self, answer: Any) -> None:
        super().__init__("fixed")
        self.answer = answer

    def compile(self, site: Any, program: Any = None, trace: Any = None) -> Any:
        if self.answer is WAIT:
            return lambda ctx: WAIT
        return always if self.answer else never


def reference(alternatives: list[list[tuple[str, bool]]]) -> Any:
    """The definition: a conjunction stops at its first term that is not true, alternatives at the first true one."""
    result: Any = False
    for group in alternatives:
        answer: Any = True
        for letter, negated in group:
            answer = ANSWERS[letter]
            if negated and answer is not WAIT:
                answer = not answer
            if answer is not True:
                break
        if answer is True:
            return True
        if answer is WAIT:
            result = WAIT
    return result


def compiled(alternatives: list[list[tuple[str, bool]]], *, unless: bool = False) -> Any:
    scene = Scene()
    condition = Condition(scene.site, unless)
    span = scene.site.span
    condition.alternatives = [[Use(_Fixed(ANSWERS[a]), n, span) for a, n in group] for group in alternatives]
    return condition.compile()(None)


_GROUPS = st.lists(st.lists(st.tuples(st.sampled_from("TFW"), st.booleans()), min_size=1, max_size=4), max_size=4)


@given(_GROUPS)
def test_compiled_conditions_follow_the_definition(alternatives: list[list[tuple[str, bool]]]) -> None:
    assert compiled(alternatives) is reference(alternatives)
    answer = reference(alternatives)
    assert compiled(alternatives, unless=True) is (answer if answer is WAIT else not answer)


def test_negation_twice_is_no_negation() -> None:
    for letters in itertools.product("TFW", repeat=2):
        plain = [[(letter, False) for letter in letters]]
        assert compiled(plain, unless=True) is (WAIT if compiled(plain) is WAIT else not compiled(plain))


def test_the_fetch_acl_joins_named_acls() -> None:
    scene = Scene()
    scene.acl("local", "src", "127.0.0.0/8")
    scene.acl("never", "acl(!local)")
    scene.acl("both", "acl(local,!never,TRUE)")
    results = [scene.value(f"acl({names})") for names in ("local", "never", "both", "local,never", "!never,!!local")]
    assert results == [True, False, True, False, True]
    assert scene.holds("{ acl(both) }") is True


def test_the_fetch_acl_waits_like_its_acls() -> None:
    scene = Scene()
    scene.acl("there", "path", "/")
    assert scene.value("acl(!there)", waiting()) is WAIT
    assert scene.value("acl(!TRUE,there)", waiting()) is False


def test_the_fetch_acl_wants_names_that_are_declared() -> None:
    assert "ACL 'later' not found" in complaint(Scene().parse, "acl(later)")


def test_a_fetch_with_a_method_in_its_name_is_the_acl_keyword_that_articles_mean_by_it() -> None:
    scene = Scene()
    ctx = stream(b"/", (b"host", b"Static.example.com"))
    assert scene.holds("{ req.hdr_beg(host) -i static. images. }", ctx) is True
    expected = "'req.hdr_beg' is no ACL keyword of HAProxy, 'hdr_beg' is used instead."
    assert [item.message for item in scene.config.report.items] == [expected]
