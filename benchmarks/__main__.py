"""python -m benchmarks run | compare | list | readme"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.commits import at_commit
from benchmarks.resting import run_idle, run_start
from benchmarks.rounds import run_load
from benchmarks.scenario import BadScenario, all_scenarios, select
from benchmarks.subjects import ROOT, Subject, haproxy, pylb


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(candidate: Subject, reference: Subject, options: argparse.Namespace) -> int:
    """Measures the chosen scenarios; the exit code says whether every `must` is met."""
    results: report.Results = {"machine": report.machine(candidate, reference), "scenarios": []}
    rounds = options.rounds or (2 if options.quick else 10)
    seconds = options.seconds or (1.0 if options.quick else 3.0)
    for scenario in select(options.scenario):
        _say(f"{scenario.name}: {scenario.title}")
        if scenario.kind == "load":
            series = run_load(scenario, candidate, reference, rounds=rounds, seconds=seconds, say=_say)
            entry = report.load_entry(scenario, series)
        elif scenario.kind == "idle":
            entry = report.resting_entry(scenario, run_idle(scenario, candidate, reference, rounds=min(rounds, 3)))
        else:
            entry = report.resting_entry(scenario, run_start(scenario, candidate, reference, rounds=rounds))
        results["scenarios"].append(entry)
        # After each scenario: an interrupted run keeps what it has.
        report.write(results, Path(options.output))
        _say(f"  {entry['verdict']}")
    print(report.markdown(results))
    _say(f"written to {options.output}/")
    return int(any(entry["verdict"] == "misses must" for entry in results["scenarios"]))


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--scenario", action="append", default=[], help="name or beginning of one; may be repeated")
    common.add_argument("--rounds", type=int, help="paired rounds (10)")
    common.add_argument("--seconds", type=float, help="seconds per load (3)")
    common.add_argument("--quick", action="store_true", help="2 rounds of 1 second: a look, not a result")
    common.add_argument("--output", default=str(ROOT / "benchmarks" / "results" / "latest"))
    one = commands.add_parser("run", parents=[common], help="pylb beside another program")
    one.add_argument("--subject", default="pylb", help="pylb, haproxy, or the path of a haproxy")
    one.add_argument("--against", default="haproxy", help="haproxy, pylb, or the path of a haproxy")
    two = commands.add_parser("compare", parents=[common], help="two commits of pylb; `.` is the work tree")
    two.add_argument("candidate")
    two.add_argument("reference")
    commands.add_parser("list", help="the scenarios")
    readme = commands.add_parser("readme", help="put a table into README.md")
    readme.add_argument("results", nargs="?", default=str(ROOT / "benchmarks" / "results" / "latest" / "results.json"))
    options = parser.parse_args(argv)
    if options.command == "list":
        for scenario in all_scenarios():
            print(f"{scenario.name:28} {scenario.title}")
        return 0
    if options.command == "readme":
        report.into_readme(json.loads(Path(options.results).read_text()), ROOT / "README.md")
        return 0
    try:
        if options.command == "run":
            candidate, reference = _subject(options.subject), _subject(options.against)
            if candidate.name == reference.name:
                reference = dataclasses.replace(reference, name=f"{reference.name} again")
            return run(candidate, reference, options)
        with contextlib.ExitStack() as stack:
            candidate = stack.enter_context(at_commit(options.candidate))
            return run(candidate, stack.enter_context(at_commit(options.reference)), options)
    except (BadScenario, RuntimeError, FileNotFoundError) as error:
        _say(f"benchmarks: {error}")
        return 2


def _subject(name: str) -> Subject:
    if name == "pylb":
        return pylb()
    return haproxy() if name == "haproxy" else haproxy(Path(name).name, name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
