from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.process.command_line import Options, UsageError, expand, parse


def test_files_come_from_f_and_from_behind_two_dashes():
    assert parse(["-f", "a", "-f", "b", "--", "c", "-d"]).files == ["a", "b", "c", "-d"]


def test_mode_flags():
    options = parse(["-D", "-W", "-db", "-q", "-dW", "-dD", "-dR", "-f", "x"])
    assert (options.daemon, options.master, options.foreground, options.quiet) == (True, True, True, True)
    assert (options.zero_warning, options.diagnostics, options.share_ports) == (True, True, False)


def test_ws_is_a_master_in_the_foreground_that_tells_systemd():
    options = parse(["-Ws"])
    assert (options.master, options.systemd, options.foreground) == (True, True, True)


def test_v_after_q_speaks_again():
    assert not parse(["-q", "-V"]).quiet


def test_old_pids_end_at_the_next_flag():
    options = parse(["-sf", "12", "13", "-f", "x"])
    assert (options.old_signal, options.old_pids, options.files) == ("finish", [12, 13], ["x"])
    assert parse(["-st", "-f", "x"]).old_signal == "terminate"


def test_numbers_are_read_as_far_as_they_go():
    options = parse(["-n", "12x", "-N", "x", "-m", "64"])
    assert (options.maxconn, options.proxy_maxconn, options.memory) == (12, 0, 64)


@pytest.mark.parametrize(("word", "key"), [("-dC", 0), ("-dC77", 77), ("-dCkey", 0)])
def test_a_dump_may_have_a_key(word, key):
    options = parse([word, "-f", "x"])
    assert (options.dump, options.dump_key) == (True, key)


@pytest.mark.parametrize(
    "words", [["-dI"], ["-dM"], ["-dM0x50,no-cache"], ["-dMno-merge"], ["-4"], ["-dc"], ["-dT"], ["-de"]]
)
def test_switches_of_haproxys_insides_are_accepted(words):
    assert parse([*words, "-f", "x"]).switches


@pytest.mark.parametrize(
    ("words", "message", "usage"),
    [
        (["-Z"], "", True),
        (["--foo"], "", True),
        (["-h"], "", True),
        (["stray"], "", True),
        (["-cc"], "", True),
        (["-f"], "failed to copy argv.", False),
        (["-p"], "failed to copy argv.", False),
        (["-x"], "Unix socket path expected with the -x flag\n", True),
        (["-sf", "abc"], "-sf option: some bytes unconsumed in PID list {abc}", False),
        (["-st", "0"], "-st option: some bytes unconsumed in PID list {0}", False),
        (["-dMfoo"], "-dM: unknown pool debugging feature <foo>", False),
    ],
)
def test_what_cannot_be_understood(words, message, usage):
    with pytest.raises(UsageError) as caught:
        parse(words)
    assert (caught.value.message, caught.value.usage) == (message, usage)


@given(st.lists(st.text(max_size=8) | st.sampled_from(["-f", "-dM", "-dK", "-sf", "-vv", "-cc", "--"]), max_size=6))
def test_any_words_give_options_or_the_usage(words):
    try:
        assert isinstance(parse(words), Options)
    except UsageError:
        pass


def test_directories_give_their_cfg_files_in_order(tmp_path):
    for name in ("b.cfg", "a.cfg", ".hidden.cfg", "c.txt"):
        (tmp_path / name).touch()
    (tmp_path / "d.cfg").mkdir()
    assert expand([str(tmp_path), str(tmp_path / "c.txt")]) == [
        str(tmp_path / name) for name in ("a.cfg", "b.cfg", "c.txt")
    ]
    with pytest.raises(FileNotFoundError):
        expand([str(tmp_path / "none")])
