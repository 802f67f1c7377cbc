"""What fmt, migrate and lint keep, over whole configurations: the program, the bytes, each other's results."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.config.document import Document
from pylb.config.lexer import from_bytes
from pylb.config.words import to_bytes
from pylb.editing import fmt, migrate
from tests.unit.editing import samples

TODAY = samples.today()
ALL = samples.everything()


def migrated(data: bytes) -> bytes:
    return to_bytes(migrate.migrate(from_bytes(data))[0])


@pytest.mark.parametrize("name", ALL)
def test_a_layout_changes_nothing_of_the_program(name: str) -> None:
    data = ALL[name]
    formatted = fmt.format_text(data)
    assert samples.meaning(formatted) == samples.meaning(data)
    assert fmt.format_text(formatted) == formatted


OLD_EXAMPLES = ("L429 bad", "L504 bad", "L511 bad")  # they are about old words


@pytest.mark.parametrize("name", [name for name in TODAY if name not in OLD_EXAMPLES])
def test_what_is_of_today_is_not_migrated(name: str) -> None:
    assert migrated(TODAY[name]) == TODAY[name]


@pytest.mark.parametrize("name", ALL)
def test_migrating_and_formatting_may_come_in_either_order(name: str) -> None:
    data = ALL[name]
    assert fmt.format_text(migrated(fmt.format_text(data))) == fmt.format_text(migrated(data))


@pytest.mark.parametrize("name", ALL)
def test_a_document_gives_every_sample_back(name: str) -> None:
    assert Document.parse(ALL[name]).write() == ALL[name]


def test_the_old_sample_becomes_this() -> None:
    assert (
        migrated(ALL["old"]).decode()
        == """\
global
\t# loud
    nbthread  1
defaults
    mode http
    timeout client   50000
    timeout connect   5000
    option redispatch
listen  webfarm
    bind 127.0.0.1:8085,127.0.0.1:8086
    acl       private path_beg /private
    http-request deny     if private
    http-request replace-header Host '(?i)^www\\.(.*)' '\\1'     # without www
    http-request add-header X-Proto http
    http-response del-header Server
    redirect  location / if { path /old }
    server    s1 127.0.0.1:1 check
"""
    )


LINES = [line for data in ALL.values() for line in from_bytes(data).split("\n")]
FILES = st.lists(st.sampled_from(LINES), max_size=25).map(lambda lines: to_bytes("".join(f"{one}\n" for one in lines)))


@given(FILES)
def test_lines_of_all_samples_in_any_order_keep_their_meaning(data: bytes) -> None:
    formatted = fmt.format_text(data)
    assert fmt.format_text(formatted) == formatted
    assert unplaced(samples.meaning(formatted)) == unplaced(samples.meaning(data))
    assert Document.parse(data).write() == data


@given(FILES)
def test_lines_of_all_samples_in_any_order_are_migrated_once(data: bytes) -> None:
    once = migrated(data)
    assert migrated(once) == once


def unplaced(meaning: dict[str, Any]) -> dict[str, Any]:
    """Without messages that name lines of the file."""
    return {name: held for name, held in meaning.items() if name}
