"""The generated pages are what the registry says today, and the generator itself counts right."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def load():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_files_are_up_to_date():
    # A process of its own: the registry of this one may hold words that tests declared.
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, f"run `make docs`: {done.stdout}{done.stderr}"


def test_a_numbered_family_counts_as_its_name():
    generate = load()
    assert generate.has("track-sc", ["track-sc0", "track-sc1"])
    assert generate.has("lower", ["upper", "lower"])
    assert not generate.has("set-src", ["set-src-port"])


def test_every_known_word_has_a_kind_that_exists():
    generate = load()
    kinds = {kind.value for kind in generate.Kind}
    assert {kind for kind, _ in generate.known_words()} <= kinds
    assert set(generate.known_words().values()) == {"2.6", "3.5"}
