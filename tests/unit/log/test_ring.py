"""Rings never grow, lose the oldest lines first, and count what is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb import counters
from pylb.log.ring import COST, Ring, read_file


def ring(size: int = 100, maxlen: int = 0) -> Ring:
    return Ring("r", "", size, maxlen)


def lines(of: Ring) -> list[bytes]:
    return of.lines(of.oldest, of.size)[0]


def test_lines_come_back_in_their_order() -> None:
    one = ring()
    for line in (b"a", b"", b"bc"):
        one.write(line)
    assert lines(one) == [b"a", b"", b"bc"]


@given(st.lists(st.binary(max_size=60), max_size=60), st.integers(70, 200))
def test_the_newest_lines_that_fit_are_kept(written: list[bytes], size: int) -> None:
    one = ring(size)
    for line in written:
        one.write(line)
    kept: list[bytes] = []
    for line in reversed(written):
        if sum(len(k) + COST for k in kept) + len(line) + COST > size:
            break
        kept.insert(0, line)
    assert lines(one) == kept
    assert one.dropped == 0
    assert len(one._area) in (0, size)


def test_long_lines_are_cut() -> None:
    one = ring(maxlen=5)
    one.write(b"123456789")
    assert lines(one) == [b"12345"]


def test_a_connected_server_keeps_its_lines_and_new_ones_are_dropped_and_counted() -> None:
    one = ring(40)
    reader = one.reader(serves=True)
    reader.holds = True
    before = counters.process.dropped_logs
    for number in range(10):
        one.write(b"line %d..." % number)
    assert lines(one) == [b"line 0...", b"line 1...", b"line 2..."]
    assert one.dropped == 7
    assert counters.process.dropped_logs == before + 7
    found, reader.position = one.lines(reader.position, 1)
    assert found == [b"line 0..."]
    one.write(b"line next")
    assert lines(one) == [b"line 1...", b"line 2...", b"line next"]


def test_a_server_that_is_away_loses_the_oldest_lines_which_are_counted() -> None:
    one = ring(40)
    reader = one.reader(serves=True)
    for number in range(10):
        one.write(b"line %d..." % number)
    assert one.lines(reader.position, 100)[0] == [b"line 7...", b"line 8...", b"line 9..."]
    assert one.dropped == 7


def test_a_session_that_reads_slowly_costs_nobody_a_line() -> None:
    one = ring(40)
    reader = one.reader()
    for number in range(10):
        one.write(b"line %d..." % number)
    assert one.dropped == 0
    assert one.lines(reader.position, 100)[0] == [b"line 7...", b"line 8...", b"line 9..."]


def test_a_file_keeps_the_lines_and_the_one_before_it(tmp_path: Path) -> None:
    path = str(tmp_path / "ring")
    for generation in range(3):
        one = ring(60)
        one.path = path
        one.open()
        for number in range(10):
            one.write(b"line %d of %d" % (number, generation))
    assert read_file(path) == [b"line %d of 2" % number for number in range(6, 10)]
    assert read_file(path + ".bak") == [b"line %d of 1" % number for number in range(6, 10)]
    assert (tmp_path / "ring").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("data", [b"", b"x" * 100, b"pylbring" + b"\xff" * 40])
def test_other_files_are_told_apart(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"is no ring|is damaged"):
        read_file(str(path))
