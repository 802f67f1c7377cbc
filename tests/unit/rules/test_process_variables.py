"""`set-var` and `set-var-fmt` of the global section. Messages and values are those of the real program."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pylb import standard
from pylb.config import reader
from pylb.sample import variables
from pylb.sample.values import Typed


@pytest.fixture(autouse=True)
def _own_process() -> Iterator[None]:
    standard.load()
    before = dict(variables.process)
    variables.process.clear()
    yield
    variables.process.clear()
    variables.process.update(before)


def problems(*lines: str) -> list[str]:
    text = "global\n" + "".join(f" {line}\n" for line in lines)
    return [item.message for item in reader.parse_text(text).report.items]


def test_variables_are_set_in_order_and_may_be_made_from_earlier_ones() -> None:
    assert problems(
        "set-var proc.text str(abc)",
        "set-var proc.size var(proc.text),length",
        "set-var proc.more var(proc.size),add(proc.size)",
        "set-var proc.more var(proc.nothing)",
        "set-var proc.yes bool(true)",
        'set-var-fmt proc.line "%[var(proc.text)]/%pid %f"',
    ) == []  # fmt: skip
    assert variables.process == {
        "proc.text": Typed("str", b"abc"),
        "proc.size": Typed("int", 3),
        "proc.more": Typed("int", 6),
        "proc.yes": Typed("bool", True),
        "proc.line": Typed("str", b"abc/%d CFG" % os.getpid()),
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "set-var proc.a",
            "'set-var' requires a process-wide variable name ('proc.<name>') and a sample expression.",
        ),
        ("set-var-fmt", "'set-var-fmt' requires a process-wide variable name ('proc.<name>') and a format string."),
        (
            "set-var txn.a int(1)",
            "'set-var': cannot set variable 'txn.a', only scope 'proc' is permitted in the global section.",
        ),
        ("set-var proc.a nothing", "unknown fetch method 'nothing'"),
        ("set-var-fmt proc.a-b x", "invalid syntax at char '-b'"),
    ],
)
def test_what_cannot_be_set_is_refused(line: str, message: str) -> None:
    assert problems(line) == [message]
    assert not variables.process


@pytest.mark.parametrize("line", ["set-var proc.a src", 'set-var-fmt proc.a "%[src]"', "set-var proc.a hdr(x)"])
def test_what_belongs_to_a_client_cannot_be_read(line: str) -> None:
    (message,) = problems(line)
    assert "not available here" in message or "none of which is available here" in message


def test_words_behind_the_expression_are_pointed_out() -> None:
    assert problems("set-var proc.a int(1) if TRUE") == [
        "'set-var' : 'if TRUE' behind the sample expression is ignored."
    ]
    assert variables.process["proc.a"] == Typed("int", 1)
