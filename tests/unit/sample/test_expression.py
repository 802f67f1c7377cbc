"""Expressions: what parses, what it yields, and the exact complaints of the real program about the rest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pylb.errors import ConfigError
from pylb.sample import expression
from pylb.sample.scopes import Point
from pylb.sample.values import MISS, WAIT, Typed
from tests.unit.sample.scene import Scene, complaint, stream, waiting


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("str(Abc),lower", b"abc"),
        ("str('a,b')", b"a,b"),
        ('str("a,b")', b"a,b"),
        ("str('a)b')", b"a)b"),
        (r'str("a\nb")', b"a\nb"),
        (r"str(a\nb)", b"a\nb"),
        (r"str('a\nb')", b"a\\nb"),
        (r"str(a\x41b)", b"a\\x41b"),
        (r"str(a\ b)", b"a b"),
        (r"str(a\\b)", b"a\\b"),
        ("str(a'b'c)", b"abc"),
        ('str(a"b,"c)', b"ab,c"),
        ("str( a )", b" a "),
        ("str()", b""),
        ("str", b""),
        ("str(A),lower,", b"a"),
        ("str(A),,lower", b"a"),
        ("str(A),lower()", b"a"),
        ("int(99999999999999999999)", 2**63 - 1),
        ("int(-5)", -5),
        ("str(12abc),add(3)", 15),
        ("int(5),lower", b"5"),
    ],
)
def test_expressions_yield(text: str, value: object) -> None:
    assert Scene().value(text) == value


def test_converters_may_follow_as_words_of_their_own() -> None:
    scene = Scene()
    words = scene.words("str(5)", "add(1),add(2)", "if")
    parsed = expression.parse(words, scene.site)
    assert parsed.compile()(stream()) == 8
    assert words.peek() == "if"
    assert [node.text for node in parsed.nodes] == ["str(5)", "add(1)", "add(2)"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nosuch", "unknown fetch method 'nosuch'"),
        ("", "missing fetch method"),
        (",lower", "missing fetch method"),
        ("hdr(host", "fetch method 'hdr' : expected ')'"),
        ("hdr(host)x", "missing comma after fetch keyword 'hdr'"),
        ("hdr(host,a)", "fetch method 'hdr' : failed to parse 'a' as type 'integer' at position 2"),
        ("hdr(host,1,2)", "fetch method 'hdr' : expected ')' before ',2)'"),
        ("src(a)", "fetch method 'src' : expected ')' before 'a)'"),
        ("int", "fetch method 'int' : expected type 'integer' at position 1, but got nothing"),
        ("ipv4(x)", "fetch method 'ipv4' : failed to parse 'x' as type 'IPv4 address' at position 1"),
        ('str("a),lower', "fetch method 'str' : expected ')'"),
        ("str(a),nosuch", "unknown converter 'nosuch'"),
        ("str(a),lower(a)", "invalid arg 1 in converter 'lower' : expected ')' before 'a)'"),
        ("str(a),lower(", "invalid arg 1 in converter 'lower' : expected ')'"),
        ("str(a),field(1,b)x", "missing comma after converter 'field'"),
        ("str(a),field", "invalid arg 1 in converter 'field' : expected type 'integer' at position 1, but got nothing"),
        (
            "str(a),field(1)",
            "invalid arg 2 in converter 'field' : missing arguments (got 1/2), type 'string' expected",
        ),
        ("str(a),field(1,b,2,3)", "invalid arg 3 in converter 'field' : expected ')' before ',3)'"),
        ("str(a),iif()", "invalid arg 2 in converter 'iif' : missing arguments (got 1/2), type 'string' expected"),
        ("bool(1),ipmask(24)", "converter 'ipmask' cannot be applied"),
        ("bin(61),add(1)", "converter 'add' cannot be applied"),
        (
            "src,ipmask(33)",
            "invalid arg 1 in converter 'ipmask' : failed to parse '33' as type 'IPv4 mask' at position 1",
        ),
        ("str(a),add(x)", "invalid args in converter 'add' : expects an integer or a variable name"),
        (
            "var(foo.x)",
            "invalid args in fetch method 'var' : invalid variable name 'foo.x'. A variable name must be start by its "
            "scope. The scope can be 'proc', 'sess', 'txn', 'req', 'res' or 'check'",
        ),
        ("var(txn.a-b)", "invalid args in fetch method 'var' : invalid syntax at char '-b'"),
        ("str(a),map(/nonexistent)", "invalid args in converter 'map' : failed to open pattern file </nonexistent>"),
        (
            "str(a),regsub('(',x)",
            "error in regex '(' in arg 1 of conversion keyword 'regsub' for sample fetch keyword 'str' in http-request "
            "expression in proxy 'f' : regex '(' is invalid (error=missing closing parenthesis, erroffset=1)",
        ),
    ],
)
def test_complaints_are_those_of_the_real_program(text: str, message: str) -> None:
    assert complaint(Scene().parse, text) == message


def test_a_misspelt_word_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError) as caught:
        Scene().parse("str(a),lowr")
    assert caught.value.hint == "did you mean 'lower' ?"
    assert caught.value.span.line == 1


def test_a_fetch_out_of_place_is_an_error_that_names_what_it_reads() -> None:
    message = complaint(Scene(Point.FE_CONNECTION, "tcp-request connection").parse, "path")
    assert (
        message
        == "fetch method 'path' extracts information from 'HTTP request headers', none of which is available here"
    )


def test_absence_passes_through_converters() -> None:
    scene = Scene()
    assert scene.value("hdr(x),lower,upper,length", stream()) is MISS
    assert scene.value("path,lower", waiting()) is WAIT
    assert scene.value("path,lower", waiting(final=True)) is MISS


def test_a_failed_cast_is_a_miss() -> None:
    assert Scene().value("str(x),ipmask(24)") is MISS
    assert Scene().value("str(),add(1)") is MISS


def test_values_of_unknown_type_are_cast_when_they_run() -> None:
    ctx = stream(variables={"txn.n": Typed("int", 7), "txn.s": Typed("str", b"12x"), "txn.b": Typed("bin", b"1")})
    scene = Scene()
    assert scene.value("var(txn.n),add(1)", ctx) == 8
    assert scene.value("var(txn.s),add(1)", ctx) == 13
    assert scene.value("var(txn.b),add(1)", ctx) is MISS
    assert scene.parse("var(txn.n)").compile_as("str")(ctx) == b"7"


def test_a_backend_is_resolved_when_the_program_is_compiled() -> None:
    class Program:
        def backend(self, name: str) -> Any:
            return None

    parsed = Scene().parse("nbsrv(nope)")
    assert (
        complaint(parsed.compile, Program())
        == "unable to find backend 'nope' referenced in arg 1 of sample fetch keyword 'nbsrv' in http-request "
        "expression in proxy 'f'"
    )


def test_a_trace_hears_every_step_and_changes_nothing() -> None:
    heard: list[tuple[str, Any]] = []
    parsed = Scene().parse("str(AbC),lower,length")
    traced = parsed.compile(None, lambda node, value: heard.append((node.text, value)))
    assert traced(stream()) == parsed.compile()(stream()) == 3
    assert heard == [("str(AbC)", b"AbC"), ("lower", b"abc"), ("length", 3)]


_PIECES = st.sampled_from(
    [
        *"abc01(),'\"\\ -.[]%",
        "str",
        "hdr",
        "lower",
        "field",
        "(1,",
        "map",
        "json_query",
        "$.a",
        "regsub",
        "var(txn.",
        "\udcff",
        "é",
    ]
)


@given(st.lists(_PIECES, max_size=14).map("".join))
@example("str(a),regsub('[[',x)")
@example("str(a),regsub('(?i','')")
@example("bin(zz)")
@example("str(a),hmac(sha256,*)")
def test_no_text_raises_anything_but_a_configuration_error(text: str) -> None:
    scene = Scene()
    try:
        parsed = scene.parse(text)
    except ConfigError:
        return
    value = parsed.compile_as("str")(stream(b"/a", (b"host", b"h")))
    assert value is MISS or isinstance(value, bytes)


@given(st.lists(_PIECES, max_size=14).map("".join))
def test_no_format_raises_anything_but_a_configuration_error(text: str) -> None:
    scene = Scene()
    try:
        rendered = scene.format(text, stream(b"/a", (b"host", b"h")))
    except ConfigError:
        return
    assert isinstance(rendered, bytes)
