"""The laws of the house, read from the sources: imports go one way, names are free, nothing of a workplace leaks in."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "pylb"

# A room imports itself and what stands on a lower level; rooms of one line know nothing of each other.
LEVELS = [
    ("errors", "clock", "counters", "registry"),
    ("config", "records", "engine"),
    ("http",),
    ("sample", "stick"),
    ("fetches", "converters", "rules", "log", "filters"),
    ("tls",),
    ("mux",),
    ("listener",),
    ("balance",),
    ("server",),
    ("stream",),
    ("services", "background", "scripting"),
    ("standard",),
    ("program",),
    ("process", "demo", "editing"),
    ("main",),
    ("__main__",),
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
BELOW_ALL = "pylb"  # `from pylb import __version__`

MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def type_checking_only(tree: ast.Module) -> set[int]:
    """Ids of nodes that stand in an `if TYPE_CHECKING:` block."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for statement in node.body:
                inside.update(id(child) for child in ast.walk(statement))
    return inside


def imported_rooms(path: Path) -> Iterator[tuple[int, str]]:
    """(line, room) of each import of pylb that runs, imports inside functions included."""
    tree = ast.parse(path.read_text(), str(path))
    exempt = type_checking_only(tree)
    for node in ast.walk(tree):
        if id(node) in exempt:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "pylb":
                target = parts[1] if len(parts) > 1 else ""
                exists = (PACKAGE / target).is_dir() or (PACKAGE / f"{target}.py").exists()
                yield node.lineno, target if exists else BELOW_ALL


def test_every_room_has_a_level():
    rooms = {room(path) for path in MODULES} - {"__init__"}
    assert rooms <= LEVEL.keys(), f"no level for {sorted(rooms - LEVEL.keys())}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    here = room(path)
    if here == "__init__":
        assert not list(imported_rooms(path)), "the package root imports nothing"
        return
    wrong = [
        f"line {line}: {here} imports {target}"
        for line, target in imported_rooms(path)
        if target not in (here, BELOW_ALL) and LEVEL[target] >= LEVEL[here]
    ]
    assert not wrong, wrong


def test_the_import_reader_sees_upward_and_exempts_type_checking(tmp_path):
    source = tmp_path / "x.py"
    source.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pylb.stream import pipe\n"
        "import pylb.config.reader\nfrom pylb import errors, __version__\ndef f():\n    from pylb.main import main\n"
    )
    found = list(imported_rooms(source))
    assert (4, "config") in found and (5, "errors") in found and (5, BELOW_ALL) in found
    assert not any(target == "stream" for _, target in found)


def test_no_file_takes_the_name_of_a_standard_module():
    taken = {
        str(path.relative_to(ROOT))
        for path in [*PACKAGE.rglob("*.py"), *(p for p in PACKAGE.rglob("*") if p.is_dir())]
        if path.stem in sys.stdlib_module_names and path.stem not in ("__init__", "__main__")
    }
    # `site` is loaded by the interpreter under its own name before any of ours and never imported by a short name.
    assert taken <= {"pylb/http", "pylb/sample/site.py"}


def test_every_module_says_what_it_promises():
    silent = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent


# Assembled, so that this file does not contain what it looks for.
FORBIDDEN = re.compile(
    "|".join(["/" + "work/", "/" + "root/", "haproxy" + "-src", "pylb" + "-brief", r"\b(s|S)ub" + "agent"])
)


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        return [path for top in ("pylb", "tests", "docs", "conf", "benchmarks") for path in (ROOT / top).rglob("*")]
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def test_nothing_names_the_machine_it_was_written_on():
    found = []
    for path in tracked_files():
        if not path.is_file() or path.stat().st_size > 2_000_000:
            continue
        text = path.read_text("utf-8", "replace")
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in FORBIDDEN.finditer(text)]
    assert not found


NAMES_OF_NOTHING = {"utils", "util", "helpers", "helper", "misc", "common", "manager", "middleware"}


def test_names_say_what_they_are():
    assert not [str(path.relative_to(ROOT)) for path in MODULES if path.stem in NAMES_OF_NOTHING]
