"""`pylb lint`: every check fires on its own example and is silent on the right one; comments, formats, exit codes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from pylb import standard
from pylb.editing import lint, lint_checks, lint_manual, lint_subject

standard.load()
lint_manual.load_checks()
CHECKS = lint_checks.CHECKS
ROOT = Path(__file__).resolve().parents[3]


def findings_in_file(text: str, path: Path) -> list[lint_checks.Finding]:
    path.write_text(text)
    path.chmod(0o644)
    subject = lint_subject.read_files([str(path)])
    problems = lint.loaded(subject)
    assert not problems.fatal, [item.headline() for item in problems.items]
    return lint.examine(subject)


def codes(text: str) -> list[str]:
    return [finding.check.code for finding in lint.lint_text(text)]


@pytest.mark.parametrize("code", CHECKS)
def test_a_check_fires_on_its_example(code, tmp_path):
    check = CHECKS[code]
    found = findings_in_file(lint_checks.framed(check, check.bad), tmp_path / "bad.cfg")
    mine = [finding for finding in found if finding.check is check]
    assert mine, [finding.check.code for finding in found]
    for finding in mine:
        assert finding.span.line > 0 and finding.span.text and finding.message


@pytest.mark.parametrize("code", CHECKS)
def test_a_check_is_silent_on_the_right_form(code, tmp_path):
    check = CHECKS[code]
    found = findings_in_file(lint_checks.framed(check, check.good), tmp_path / "good.cfg")
    assert not [finding.message for finding in found if finding.check is check]


@pytest.mark.parametrize("code", CHECKS)
def test_the_right_form_of_a_check_has_no_errors_of_other_checks(code, tmp_path):
    check = CHECKS[code]
    found = findings_in_file(lint_checks.framed(check, check.good), tmp_path / "good.cfg")
    assert not [finding for finding in found if finding.check.severity == "error"]
