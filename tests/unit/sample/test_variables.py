"""Variables: names, scopes, and contexts that do not have the scope's owner."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pylb.sample import variables
from pylb.sample.values import MISS, Typed
from tests.unit.sample.scene import stream


@pytest.fixture(autouse=True)
def _own_process() -> Iterator[None]:
    before = dict(variables.process)
    yield
    variables.process.clear()
    variables.process.update(before)


@pytest.mark.parametrize("name", ["proc.only_here", "sess.a", "txn.a.b", "req.a_1", "res.A", "check.x"])
def test_a_variable_keeps_its_value_until_it_is_unset(name: str) -> None:
    ctx = stream()
    assert variables.get(ctx, name) is MISS
    variables.set(ctx, name, Typed("int", 5))
    assert variables.get(ctx, name) == Typed("int", 5)
    variables.unset(ctx, name)
    assert variables.get(ctx, name) is MISS


@pytest.mark.parametrize("name", ["", "a", "txn", "txn.", ".x", "foo.x", "txn.a-b", "txn.é", "txn.a b"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"invalid (variable name|syntax at char)|Empty variable name"):
        variables.parse_name(name)


def test_scopes_live_as_long_as_their_owner() -> None:
    ctx = stream()
    variables.set(ctx, "sess.a", Typed("int", 1))
    variables.set(ctx, "proc.a", Typed("int", 2))
    variables.set(ctx, "txn.a", Typed("int", 3))
    other = stream()
    other.session = ctx.session
    assert variables.get(other, "sess.a") == Typed("int", 1)
    assert variables.get(other, "proc.a") == Typed("int", 2)
    assert variables.get(other, "txn.a") is MISS


def test_a_connection_has_no_transaction_variables() -> None:
    session = stream().session
    variables.set(session, "txn.a", Typed("int", 3))
    assert variables.get(session, "txn.a") is MISS


def test_the_end_of_a_scope_forgets_only_its_own() -> None:
    ctx = stream()
    for name in ("req.a", "req.b", "txn.a", "res.a"):
        variables.set(ctx, name, Typed("int", 1))
    variables.end_scope(ctx, "req")
    assert sorted(ctx.variables or {}) == ["res.a", "txn.a"]


def stored(condition: str, name: str, old: Typed | None, new: Typed) -> bool:
    test = variables.test_of(condition, variables.parse_name(name))
    assert test is not None
    return test(MISS if old is None else old, new)


@pytest.mark.parametrize(
    ("condition", "unset", "text", "number"),
    [
        ("ifexists", False, True, True),
        ("ifnotexists", True, False, False),
        ("ifset", False, True, True),
        ("ifnotset", True, False, False),
        ("ifgt", True, True, False),
        ("iflt", True, True, True),
    ],
)
def test_conditions_on_the_variable(condition: str, unset: bool, text: bool, number: bool) -> None:
    """The value to be stored is 7; the variable is not set, a text, or 5."""
    olds = (None, Typed("str", b"x"), Typed("int", 5))
    assert [stored(condition, "txn.a", old, Typed("int", 7)) for old in olds] == [unset, text, number]


def test_only_texts_are_ever_empty() -> None:
    values = [Typed("str", b""), Typed("bin", b""), Typed("str", b"a"), Typed("int", 0), Typed("bool", False)]
    assert [stored("ifempty", "txn.a", None, value) for value in values] == [True, True, False, False, False]
    assert [stored("ifnotempty", "txn.a", None, value) for value in values] == [False, False, True, True, True]


def test_variables_of_the_process_exist_although_they_are_not_set() -> None:
    new = Typed("int", 1)
    conditions = ("ifexists", "ifnotexists", "ifset", "ifnotset")
    assert [stored(condition, "proc.a", None, new) for condition in conditions] == [True, False, False, True]
    assert variables.test_of("ifever", variables.parse_name("proc.a")) is None
