"""The benchmark measures what it says: checked without running one, and once with HAProxy against itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.dom import minidom

import pytest

from benchmarks import load, report
from benchmarks.commits import at_commit
from benchmarks.interval import coverage, estimate
from benchmarks.plot import svg
from benchmarks.rounds import Measure, Series
from benchmarks.scenario import BadScenario, Load, Scenario, all_scenarios, parse, select
from tests.harness import check, requires

ROOT = Path(__file__).resolve().parents[3]
BUDGET = {
    "http-log": (0.60, 0.85),
    "http-plain": (0.60, 0.85),
    "tcp-small": (0.85, 1.0),
    "tcp-bulk": (1.2, 2.0),
    "http-bulk": (0.9, 1.5),
    "tcp-connections": (0.75, 0.9),
    "http-connections": (0.6, 0.8),
}


def test_the_budget_is_the_designs():
    found = {s.name: (s.must, s.aim) for s in all_scenarios() if s.kind == "load" and s.must is not None}
    assert found == BUDGET


def test_scenarios_are_found_by_the_beginning_of_their_name():
    assert [s.name for s in select(["tcp-"])] == ["tcp-small", "tcp-bulk", "tcp-connections"]
    with pytest.raises(BadScenario, match="no scenario nothing"):
        select(["nothing"])


@pytest.mark.parametrize(
    "text",
    ["title: x\nconfig: y\nwhat: 1", "title: x", "title: x\nconfig: y\nkind: z", "title: x\nconfig: y\nload: {a: 1}"],
)
def test_a_mistake_in_a_scenario_is_an_error(text):
    with pytest.raises(BadScenario):
        parse(text, "x")


@requires("haproxy")
@pytest.mark.parametrize("scenario", all_scenarios(), ids=lambda s: s.name)
def test_haproxy_accepts_every_scenario(scenario, tmp_path):
    (tmp_path / "hosts.map").write_text("h1.example.com b0\n")
    done = check("haproxy", scenario.text(), values={"dir": tmp_path}, args=["-dW"])
    assert done.code == 0, done.output


def test_order_statistics_cover_as_binomial_tables_say():
    assert coverage(10, 1) == pytest.approx(0.978, abs=0.001)
    assert coverage(6, 0) == pytest.approx(0.969, abs=0.001)
    ten = estimate([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert (ten.median, ten.low, ten.high, ten.rounds) == (5.5, 2, 9, 10)
    one = estimate([3.0])
    assert (one.median, one.low, one.high, one.confidence) == (3.0, 3.0, 3.0, 0.0)


def test_what_wrk_prints_is_read():
    line = (
        'RESULT {"requests":10,"bytes":134217728,"seconds":2.0,"connect":0,"read":1,"write":0,"status":2,"timeout":0,'
        '"p50":1.0,"p90":2.0,"p99":3.0,"p999":4.0,"max":5.0}'
    )
    outcome = load.parse(f"Running 1s test\n{line}\n")
    assert (outcome.errors, outcome.units(False), outcome.units(True)) == (3, 10.0, 2.0)
    with pytest.raises(load.LoadFailed):
        load.parse("wrk: unable to connect")


def results() -> report.Results:
    mine, its = Measure(30, 100, 5, 9000, 1, 1), Measure(20, 150, 4, 10, 1, 1)
    scenario = Scenario("a", "A <small> one", "", must=0.6, aim=0.85, load=Load())
    series = [Series(v, [mine] * 3, [its] * 3) for v in ("varying", "constant")]
    where = dict.fromkeys(
        ["candidate_version", "reference_version", "cpu", "cores", "system", "python", "date", "commit"], "?"
    )
    machine = {**where, "candidate": "pylb", "reference": "haproxy"}
    return {"machine": machine, "scenarios": [report.load_entry(scenario, series)]}


def test_the_ratio_is_the_references_cpu_over_ours_and_judged():
    entry = results()["scenarios"][0]
    assert entry["variants"]["varying"]["ratio"]["median"] == pytest.approx(20 / 30)
    assert entry["verdict"] == "meets must"
    assert [report.verdict(r, 0.6, 0.85) for r in (0.59, 0.6, 0.85)] == ["misses must", "meets must", "meets aim"]


def test_table_and_picture_can_be_read(tmp_path):
    found = results()
    assert "**0.67 [0.67, 0.67]**" in report.markdown(found) and "| 9.0 ms | 10.0 us |" in report.markdown(found)
    minidom.parseString(svg(found))
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- benchmark: begin -->\nold\n<!-- benchmark: end -->\nb\n")
    report.into_readme(found, readme)
    text = readme.read_text()
    assert text.startswith("a\n") and text.endswith("\nb\n") and "old" not in text and "0.67" in text


@requires("haproxy", "nginx", "wrk", "taskset")
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="a benchmark needs two cores")
def test_haproxy_beside_itself_is_about_equal(tmp_path):
    argv = [sys.executable, "-m", "benchmarks", "run", "--subject", "haproxy", "--against", "haproxy"]
    argv += ["--scenario", "http-plain", "--rounds", "1", "--seconds", "1", "--output", str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode in (0, 1), done.stderr
    entry = json.loads((tmp_path / "results.json").read_text())["scenarios"][0]
    for variant in entry["variants"].values():
        # A single second on a shared machine: only a broken measure is farther off than this.
        assert 0.3 < variant["ratio"]["median"] < 3
        assert variant["candidate"]["requests"] > 100


def test_a_commit_is_checked_out_for_as_long_as_it_is_measured():
    if subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, check=False).returncode:
        pytest.skip("not a git checkout")
    with at_commit("HEAD") as subject:
        tree = Path(subject.environment["PYTHONPATH"])
        assert tree != ROOT and (tree / "pylb" / "__init__.py").exists()
        assert subject.name.startswith("pylb@")
    assert not tree.exists()
    with at_commit(".") as subject:
        assert Path(subject.environment["PYTHONPATH"]) == ROOT
