"""Pattern files: how they are read, and that a change reaches every use of them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.sample.references import Reference, References
from tests.unit.sample.scene import Scene, complaint, stream

MAP = (
    b"# c\n  a  1\n\nb\t two words  \t\n #c 3\nkeyonly\nkeysp   \r\n\tt\ttabbed\r\n"
    b"dup first\ndup second\nx\ty\tz\nlast end"
)


def written(tmp_path: Path, data: bytes, name: str = "f.map") -> str:
    path = tmp_path / name
    path.write_bytes(data)
    return str(path)


def test_a_map_has_keys_and_values(tmp_path: Path) -> None:
    reference = References().map(written(tmp_path, MAP))
    assert reference.entries == {
        b"a": b"1",
        b"b": b"two words",
        b"#c": b"3",
        b"keyonly": b"",
        b"keysp": b"",
        b"t": b"tabbed",
        b"dup": b"first",
        b"x": b"y\tz",
        b"last": b"end",
    }
    assert list(reference)[-1] == (b"dup", b"second")


def test_a_list_has_one_pattern_per_line(tmp_path: Path) -> None:
    reference = References().list(written(tmp_path, b"# no\n one two \n\n #three\r\n"))
    assert list(reference.entries) == [b"one two ", b"#three"]


def test_a_file_is_read_once(tmp_path: Path) -> None:
    references = References()
    path = written(tmp_path, b"a 1\n")
    assert references.map(path) is references.map(path.encode())


def test_lookups_through_every_kind_of_map(tmp_path: Path) -> None:
    scene = Scene()
    path = written(tmp_path, b"img 1\n/a/b 2\n.example. 3\nb 4\n")
    assert scene.value(f"str(/img/x),map_dir({path})") == b"1"
    assert scene.value(f"str(www.example.com),map_dom({path})") == b"3"
    assert scene.value(f"str(qimg),map_end({path})") == b"1"
    assert scene.value(f"str(x/a/b),map_sub({path})") == b"2"
    assert scene.value(f"str(/a/b/c),map_beg({path})") == b"2"
    assert scene.value(f"str(nope),map({path},dflt)") == b"dflt"
    assert scene.value(f"str(b),map_str_int({path}),add(1)") == 5
    assert scene.value(f"int(5),map_int({written(tmp_path, b'1 one' + bytes([10]) + b'5:9 mid', 'i')})") == b"mid"
    assert scene.value(f"src,map_ip_int({written(tmp_path, b'127.0.0.0/8 7', 'n')},0)", stream()) == 7
    groups = written(tmp_path, rb"^/z(q)?(w) [\1][\2]\\x", "r")
    assert scene.value(f"str(/zw),map_regm({groups})") == rb"[][w]\x"
    assert scene.value(f"str(/zqw),map_reg({groups})") == rb"[\1][\2]\\x"


@pytest.mark.parametrize(
    ("text", "data", "message"),
    [
        ("map_str_int", b"# c\na 1\nb two\n", "unable to parse 'two' at line 3 of file"),
        ("map_str_ip", b"a 12\n", "unable to parse '12' at line 1 of file"),
        ("map_ip", b"\n127.1 x\n", "'127.1' is not a valid IPv4 or IPv6 address at line 2 of file"),
    ],
)
def test_a_mistake_is_reported_with_its_line(tmp_path: Path, text: str, data: bytes, message: str) -> None:
    path = written(tmp_path, data)
    assert complaint(Scene().parse, f"src,{text}({path})") == f"invalid args in converter '{text}' : {message} '{path}'"


def test_changes_reach_closures_that_exist(tmp_path: Path) -> None:
    scene = Scene()
    path = written(tmp_path, b"a 1\nB 2\n")
    exact = scene.parse(f"str(a),map({path},-)").compile()
    number = scene.parse(f"str(a),map_str_int({path},0)").compile()
    begins = scene.parse(f"str(abc),map_beg({path},-)").compile()
    reference = scene.config.references.map(path)
    assert (exact(None), number(None), begins(None)) == (b"1", 1, b"1")
    assert reference.set(b"a", b"7")
    assert (exact(None), number(None), begins(None)) == (b"7", 7, b"7")
    assert reference.remove(b"a") and not reference.remove(b"a")
    assert (exact(None), number(None), begins(None)) == (b"-", 0, b"-")
    reference.add(b"ab", b"9")
    assert (exact(None), begins(None)) == (b"-", b"9")
    with pytest.raises(ValueError, match="no number"):
        reference.add(b"z", b"no number")
    assert b"z" not in reference.entries
    reference.replace([(b"a", b"3")])
    assert (exact(None), number(None), begins(None)) == (b"3", 3, b"3")
    reference.clear()
    assert exact(None) == b"-"


def test_an_acl_file_can_be_changed_too(tmp_path: Path) -> None:
    scene = Scene()
    path = written(tmp_path, b"/a\n", "f.acl")
    plain = scene.condition("if", "{", "path", "-f", path, "}").compile()
    folded = scene.condition("if", "{", "path", "-i", "-f", path, "x", "}").compile()
    assert plain(stream(b"/a")) is True and plain(stream(b"/A")) is False and folded(stream(b"/A")) is True
    reference = scene.config.references.list(path)
    reference.add(b"/new")
    reference.remove(b"/a")
    assert plain(stream(b"/new")) is True and folded(stream(b"/NEW")) is True
    assert plain(stream(b"/a")) is False and folded(stream(b"/a")) is False
    assert folded(stream(b"x")) is False


_KEY = st.sampled_from([b"a", b"A", b"ab", b"b", b"10.0.0.0/8", b"10.1.2.3"])
_CHANGES = st.lists(
    st.tuples(st.sampled_from(["add", "set", "remove"]), _KEY, st.sampled_from([b"1", b"2"])), max_size=20
)


@given(_CHANGES)
def test_indexes_in_step_equal_indexes_made_anew(changes: list[tuple[str, bytes, bytes]]) -> None:
    reference = Reference("unnamed", is_map=True)
    uses = [("str", False), ("str", True), ("beg", False), ("beg", True), ("sub", True), ("reg", False)]
    for method, fold in uses:
        reference.index(method, ignore_case=fold)
    for what, key, value in changes:
        if what == "add":
            reference.add(key, value)
        elif what == "set":
            reference.set(key, value)
        else:
            reference.remove(key)
    for method, fold in uses:
        fresh = Reference("fresh", is_map=True)
        fresh.replace(list(reference))
        kept, made = reference.index(method, ignore_case=fold), fresh.index(method, ignore_case=fold)
        for probe in (b"a", b"A", b"ab", b"AB", b"b", b"10.1.2.3", b"xab"):
            assert kept.find(probe) == made.find(probe), (method, fold, probe)


def test_a_hundred_thousand_lines_load_in_a_moment_and_are_found(tmp_path: Path) -> None:
    path = written(tmp_path, b"".join(b"host%d.example.com be%d\n" % (n, n % 10) for n in range(100_000)))
    begin = time.process_time()
    find = References().map(path).index("str").find
    assert time.process_time() - begin < 2.0
    assert find(b"host99999.example.com") == b"be9"
