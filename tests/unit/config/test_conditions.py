"""Conditions of `.if` and `-cc`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.config import conditions
from pylb.config.conditions import ConditionError, Surroundings, evaluate, openssl_key, version_key

HERE = Surroundings({"SET": "x", "EMPTY": ""})


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "-1",
        "00002",
        "!0",
        "!!1",
        "(1)",
        "1 && 1",
        "0 || 1",
        "1 || 1 && 0",
        "(0 || 1) && !(0)",
        "streq(a,a)",
        "strneq(a,b)",
        "strstr(abc,b)",
        "defined(SET)",
        "defined(EMPTY)",
        "streq(a b,a b)",
        'streq("a,b","a,b")',
        "version_atleast(2.6)",
        "version_atleast(x)",
        "version_before(99)",
        "enabled(EPOLL)",
        "feature(EPOLL)",
        "openssl_version_atleast(1.0.1)",
        "openssl_version_before(99.0)",
        "streq(a,a) && !streq(a,b)",
    ],
)
def test_true(text: str) -> None:
    assert evaluate(text, HERE) is True


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "0",
        "000",
        "!1",
        "1 && 0",
        "0 || 0",
        "0 && 1 || 0",
        "streq(a,b)",
        "streq(a, a)",
        "defined(NOT)",
        "defined()",
        "defined( SET )",
        "version_before(2.6)",
        "version_atleast(99)",
        "feature(NONSENSE)",
        "enabled(SPLICE)",
        "awslc_api_atleast(1)",
        "awslc_api_before(99)",
        "feature(QUIC)",
        "feature(DEVICEATLAS)",
        "feature(KQUEUE)",
    ],
)
def test_false(text: str) -> None:
    assert evaluate(text, HERE) is False


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("1 2", "unexpected character '2' at the end of conditional expression '1 2'", 2),
        ("1a", "unexpected character 'a' at the end of conditional expression '1a'", 1),
        ("foo", "unparsable conditional expression 'foo'", 0),
        ("foo(1)", "unparsable conditional expression 'foo(1)'", 0),
        ("enabled(FOO) ", "unparsable conditional expression 'enabled(FOO) '", 0),
        ("1 &&", "unparsable conditional expression '&&'", 2),
        ("(1", "expected ')' after conditional expression '(1'", 0),
        (
            "streq(1)",
            "missing arguments (got 1/2), type 'string' expected in argument 1 of predicate 'streq' used in "
            "conditional expression",
            7,
        ),
        (
            "defined(A,B)",
            "expected ')' before ',B)' in argument 1 of predicate 'defined' used in conditional expression",
            9,
        ),
    ],
)
def test_problems_are_haproxys(text: str, message: str, position: int) -> None:
    with pytest.raises(ConditionError) as caught:
        evaluate(text, HERE)
    assert (caught.value.message, caught.value.position) == (message, position)


def test_versions_are_ordered_as_releases_were() -> None:
    order = [
        "1.4-rc1",
        "1.4",
        "1.5-dev26-2",
        "1.5.0",
        "2.4-dev19",
        "2.4",
        "2.4.1",
        "2.6.12-1+deb12u4",
        "3.5-dev5",
        "3.5",
    ]
    assert sorted(order, key=version_key) == order
    assert version_key("2.4") == version_key("2.4.0")


def test_openssl_versions_are_ordered() -> None:
    order = ["1.0.2-beta1", "1.0.2", "1.0.2k", "1.1.1", "1.1.1a", "3.0.0-alpha1", "3.0.0", "3.0.19"]
    assert sorted(order, key=openssl_key) == order


def test_the_claimed_version_is_between_the_supported_ones() -> None:
    assert version_key("2.6") < version_key(conditions.HAPROXY_VERSION) < version_key("4.0")
    assert conditions.HAPROXY_VERSION.startswith(conditions.HAPROXY_BRANCH)


def test_features_follow_the_registry() -> None:
    assert conditions.features()["EPOLL"] is True
    assert conditions.has_feature("PCRE2") and not conditions.has_feature("PCRE")
    assert conditions.has_feature("OPENSSL") is not any(
        word is None or word.status.inert
        for word in (conditions.registry.find(kind, name, place) for kind, name, place in conditions.BY_WORD["OPENSSL"])
    )


def test_deep_nesting_is_refused_instead_of_overflowing() -> None:
    with pytest.raises(ConditionError, match="nested too deeply"):
        evaluate("(" * 5000 + "1" + ")" * 5000, HERE)
    assert evaluate("!" * 5000 + "1", HERE) is True


@given(st.text("01!&|()a, streq\"'\\", max_size=60))
def test_any_text_is_a_truth_value_or_a_condition_error(text: str) -> None:
    try:
        assert evaluate(text, HERE) in (True, False)
    except ConditionError as error:
        assert 0 <= error.position <= len(text)
