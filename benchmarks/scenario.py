"""Scenarios as YAML says them, checked when read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "scenarios"
KINDS = ("load", "idle", "start")


@dataclass(frozen=True, slots=True)
class Load:
    """How wrk asks. `variants`: "varying" (a header and a cookie differ in each request), "constant"."""

    connections: int = 64
    path: str = "/"
    close: bool = False  # one connection per request
    bulk: bool = False  # CPU is counted per 64 MiB moved, not per request
    hosts: int = 0  # Host: h<n>.example.com with n below this
    variants: tuple[str, ...] = ("varying", "constant")


@dataclass(frozen=True, slots=True)
class MapFile:
    """A generated map: `lines` lines `h<n>.example.com b<n % backends>`."""

    file: str
    lines: int
    backends: int = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing to measure. `must` and `aim` are ratios (HAProxy's CPU over pylb's), or limits of the other kinds."""

    name: str
    title: str
    config: str
    kind: str = "load"
    must: float | None = None
    aim: float | None = None
    load: Load = field(default_factory=Load)
    map: MapFile | None = None
    repeat: int = 0  # so many backends `b<n>` with one server each are added to the configuration
    count: int = 0  # idle: connections
    order: int = 0

    def text(self) -> str:
        """The configuration before ports are known."""
        backends = (f"\nbackend b{n}\n    server s 127.0.0.1:$(origin)\n" for n in range(self.repeat))
        return self.config + "".join(backends)


class BadScenario(ValueError):
    """A scenario file that cannot be meant."""


def parse(text: str, name: str) -> Scenario:
    """Reads one scenario; unknown words are errors."""
    data: dict[str, Any] = yaml.safe_load(text)
    try:
        if "load" in data:
            load = dict(data["load"])
            if "variants" in load:
                load["variants"] = tuple(load["variants"])
            data["load"] = Load(**load)
        if "map" in data:
            data["map"] = MapFile(**data["map"])
        scenario = Scenario(name=name, **data)
    except TypeError as error:
        raise BadScenario(f"{name}: {error}") from None
    if scenario.kind not in KINDS:
        raise BadScenario(f"{name}: kind is one of {', '.join(KINDS)}")
    if set(scenario.load.variants) - {"varying", "constant"}:
        raise BadScenario(f"{name}: variants are varying and constant")
    return scenario


def all_scenarios(folder: Path = FOLDER) -> list[Scenario]:
    """Every scenario, in the order in which the budget lists them."""
    found = [parse(path.read_text(), path.stem) for path in folder.glob("*.yaml")]
    return sorted(found, key=lambda scenario: (scenario.order, scenario.name))


def select(names: list[str]) -> list[Scenario]:
    """The scenarios whose names were given (a prefix is enough), or all of them."""
    everything = all_scenarios()
    if not names:
        return everything
    chosen = [s for s in everything if any(s.name.startswith(name) for name in names)]
    lost = [name for name in names if not any(s.name.startswith(name) for s in everything)]
    if lost:
        raise BadScenario(f"no scenario {', '.join(lost)}; there are: {', '.join(s.name for s in everything)}")
    return chosen
