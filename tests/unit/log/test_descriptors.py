"""Logs to an inherited descriptor."""

from __future__ import annotations

import os
from pathlib import Path

from pylb.config.model import Address
from pylb.log.targets import DescriptorTarget


def test_lines_in_a_file_and_what_its_other_writers_say_stand_one_behind_the_other(tmp_path: Path) -> None:
    file = tmp_path / "out"
    fd = os.open(file, os.O_WRONLY | os.O_CREAT)  # as `> file 2>&1` opens it: not for appending
    try:
        target = DescriptorTarget(Address("fd", fd=fd), fd)
        target.open()
        target.send(b"one\n")
        os.write(fd, b"two\n")
        target.send(b"three\n")
        target.close()
    finally:
        os.close(fd)
    assert file.read_bytes() == b"one\ntwo\nthree\n"


def test_a_shared_pipe_stays_as_blocking_as_it_was() -> None:
    reading, writing = os.pipe()
    try:
        target = DescriptorTarget(Address("fd", fd=writing), writing)
        target.open()
        target.send(b"one\n")
        assert os.get_blocking(writing)
        assert os.read(reading, 10) == b"one\n"
        target.close()
    finally:
        os.close(reading)
        os.close(writing)
