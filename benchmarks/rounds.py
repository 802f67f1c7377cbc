"""Paired rounds: both programs under the same load within seconds of each other, again and again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks import load as wrk
from benchmarks.interval import Estimate, estimate
from benchmarks.scenario import Scenario
from benchmarks.subjects import Running, Subject, cores, log_sink, origin, proxy

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Measure:
    """One program in one round: CPU microseconds per unit (request, or 64 MiB), rate, latencies in microseconds."""

    cpu: float
    rate: float
    p50: float
    p99: float
    requests: int
    utilisation: float  # CPU seconds per second: near 1 when the proxy was the limit


@dataclass(slots=True)
class Series:
    """All rounds of one scenario and variant. Ratios are reference over candidate: above 1, the candidate is better."""

    variant: str
    candidate: list[Measure] = field(default_factory=list)
    reference: list[Measure] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # rounds with errors, and which

    def ratio(self) -> Estimate:
        return estimate([r.cpu / c.cpu for c, r in zip(self.candidate, self.reference, strict=True)])

    def rate_ratio(self) -> Estimate:
        return estimate([c.rate / r.rate for c, r in zip(self.candidate, self.reference, strict=True)])

    def p99_ratio(self) -> Estimate:
        return estimate([r.p99 / c.p99 for c, r in zip(self.candidate, self.reference, strict=True)])


class RefusedRound(RuntimeError):
    """A round with errors: its figures mean nothing."""


def measure(running: Running, port: int, scenario: Scenario, variant: str, seconds: float, others: str) -> Measure:
    """One program, one load."""
    before = running.cpu()
    outcome = wrk.run(port, scenario.load, variant, seconds, others)
    used = running.cpu() - before
    if running.process.poll() is not None:
        raise RuntimeError(f"{running.name} ended under load:\n{running.output.read_text(errors='replace')[-2000:]}")
    if outcome.errors or not outcome.requests:
        raise RefusedRound(
            f"{running.name}: {outcome.requests} requests, {outcome.connect} connect, {outcome.read} read, "
            f"{outcome.write} write, {outcome.status} status, {outcome.timeout} timeout errors"
        )
    units = outcome.units(scenario.load.bulk)
    return Measure(
        used / units * 1e6,
        units / outcome.seconds,
        outcome.p50,
        outcome.p99,
        outcome.requests,
        used / outcome.seconds,
    )


def run_load(
    scenario: Scenario, candidate: Subject, reference: Subject, *, rounds: int, seconds: float, say: Say
) -> list[Series]:
    """All variants of a scenario. Gives up when more rounds are refused than wanted."""
    core, others = cores()
    with contextlib.ExitStack() as stack:
        values = {"origin": stack.enter_context(origin(others)), "syslog": stack.enter_context(log_sink())}
        pair = [stack.enter_context(proxy(subject, scenario, values, core)) for subject in (candidate, reference)]
        for running, port in pair:  # caches, connections, branch predictors
            measure(running, port, scenario, scenario.load.variants[0], 1, others)
        found = []
        for variant in scenario.load.variants:
            series = Series(variant)
            turn = 0
            while len(series.candidate) < rounds:
                order = (0, 1) if turn % 2 == 0 else (1, 0)
                turn += 1
                measured: dict[int, Measure] = {}
                try:
                    for which in order:
                        running, port = pair[which]
                        measured[which] = measure(running, port, scenario, variant, seconds, others)
                except RefusedRound as refusal:
                    series.refused.append(str(refusal))
                    say(f"  refused: {refusal}")
                    if len(series.refused) > rounds:
                        raise RuntimeError(f"{scenario.name}: more rounds refused than wanted: {refusal}") from None
                    continue
                series.candidate.append(measured[0])
                series.reference.append(measured[1])
                say(
                    f"  {variant} {len(series.candidate)}/{rounds}: {candidate.name} {measured[0].cpu:.1f} us, "
                    f"{reference.name} {measured[1].cpu:.1f} us, ratio {measured[1].cpu / measured[0].cpu:.3f}"
                )
            found.append(series)
        return found
