"""Results as JSON, as a Markdown table and inside the README."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.interval import Estimate
from benchmarks.resting import Resting
from benchmarks.rounds import Measure, Series
from benchmarks.scenario import Scenario
from benchmarks.subjects import ROOT, Subject

Results = dict[str, Any]


def machine(candidate: Subject, reference: Subject) -> dict[str, Any]:
    """Where and with what: figures of two machines are not comparable, ratios nearly are."""
    cpu = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": commit,
        "candidate": candidate.name,
        "candidate_version": candidate.version(),
        "reference": reference.name,
        "reference_version": reference.version(),
    }


def load_entry(scenario: Scenario, series: Sequence[Series]) -> Results:
    """One scenario of kind load. The first variant counts for the budget."""
    return {
        "name": scenario.name,
        "title": scenario.title,
        "kind": "load",
        "unit": "64 MiB" if scenario.load.bulk else "request",
        "must": scenario.must,
        "aim": scenario.aim,
        "verdict": verdict(series[0].ratio().median, scenario.must, scenario.aim),
        "variants": {
            one.variant: {
                "ratio": dataclasses.asdict(one.ratio()),
                "rate_ratio": dataclasses.asdict(one.rate_ratio()),
                "p99_ratio": dataclasses.asdict(one.p99_ratio()),
                "candidate": summary(one.candidate),
                "reference": summary(one.reference),
                "refused": one.refused,
                "rounds": {
                    "candidate": [dataclasses.asdict(m) for m in one.candidate],
                    "reference": [dataclasses.asdict(m) for m in one.reference],
                },
            }
            for one in series
        },
    }


def resting_entry(scenario: Scenario, found: Resting) -> Results:
    """One scenario of kind idle or start: smaller is better, `must` is the most that is allowed."""
    value = found.value()
    return {
        "name": scenario.name,
        "title": scenario.title,
        "kind": scenario.kind,
        "unit": found.unit,
        "must": scenario.must,
        "aim": scenario.aim,
        "verdict": "" if scenario.must is None else ("meets must" if value.median <= scenario.must else "misses must"),
        "candidate": dataclasses.asdict(value),
        "reference": dataclasses.asdict(found.beside()),
        "rounds": {"candidate": found.candidate, "reference": found.reference},
    }


def summary(measures: Sequence[Measure]) -> dict[str, float]:
    """Medians of each figure."""
    names = [field.name for field in dataclasses.fields(Measure)]
    return {name: statistics.median(getattr(one, name) for one in measures) for name in names}


def verdict(ratio: float, must: float | None, aim: float | None) -> str:
    if must is None:
        return ""
    if ratio < must:
        return "misses must"
    return "meets aim" if aim is not None and ratio >= aim else "meets must"


def interval(value: dict[str, Any] | Estimate, digits: int = 2) -> str:
    if isinstance(value, Estimate):
        value = dataclasses.asdict(value)
    return f"{value['median']:.{digits}f} [{value['low']:.{digits}f}, {value['high']:.{digits}f}]"


def _time(microseconds: float) -> str:
    return f"{microseconds / 1000:.1f} ms" if microseconds >= 1000 else f"{microseconds:.1f} us"


def markdown(results: Results) -> str:
    """The budget table, then what rests, then where it was measured."""
    where = results["machine"]
    candidate, reference = where["candidate"], where["reference"]
    lines = [
        f"| scenario | CPU {candidate} | CPU {reference} | ratio | constant requests | must | aim | verdict "
        f"| req/s {candidate} | req/s {reference} | p99 {candidate} | p99 {reference} |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for entry in results["scenarios"]:
        if entry["kind"] != "load":
            continue
        variants = list(entry["variants"].values())
        first = variants[0]
        other = interval(variants[1]["ratio"]) if len(variants) > 1 else ""
        mine, its = first["candidate"], first["reference"]
        lines.append(
            f"| {entry['title']} | {_time(mine['cpu'])} | {_time(its['cpu'])} | **{interval(first['ratio'])}** "
            f"| {other} | {_number(entry['must'])} | {_number(entry['aim'])} | {entry['verdict']} | {mine['rate']:.0f} "
            f"| {its['rate']:.0f} | {_time(mine['p99'])} | {_time(its['p99'])} |"
        )
    resting = [entry for entry in results["scenarios"] if entry["kind"] != "load"]
    if resting:
        lines += ["", f"| at rest | {candidate} | {reference} | at most | verdict |", "|---|---|---|---|---|"]
        lines += [
            f"| {entry['title']} ({entry['unit']}) | {interval(entry['candidate'])} | {interval(entry['reference'])} "
            f"| {_number(entry['must'])} | {entry['verdict']} |"
            for entry in resting
        ]
    lines += [
        "",
        f"CPU time per unit on one core; ratio = CPU of {reference} over CPU of {candidate} (above 1, {candidate} is "
        f"cheaper), median of paired rounds with its interval. {where['candidate_version']} ({where['commit']}) beside "
        f"{where['reference_version']}; {where['cpu']}, {where['cores']} cores, {where['system']}, Python "
        f"{where['python']}, {where['date'][:10]}.",
    ]
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def write(results: Results, folder: Path) -> None:
    """results.json, table.md and plot.svg in a folder."""
    from benchmarks.plot import svg

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "table.md").write_text(markdown(results))
    (folder / "plot.svg").write_text(svg(results))


_BEGIN, _END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"


def into_readme(results: Results, readme: Path) -> None:
    """Puts the table between the README's marks."""
    text = readme.read_text()
    before, _, rest = text.partition(_BEGIN)
    _, mark, after = rest.partition(_END)
    if not mark:
        raise ValueError(f"{readme} has no benchmark marks")
    readme.write_text(f"{before}{_BEGIN}\n{markdown(results)}{_END}{after}")
