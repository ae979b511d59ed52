"""Two runs side by side: what differs about them, and how each cell's latency changed."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from src.bench.record import Cell, Record
from src.blocks import widened
from src.engines import registry
from src.figures.processes import Processes, round_medians_ms
from src.figures.results import Floors, cells, floors
from src.figures.run import Head, Noise, OfCase, Result, Run
from src.model.fingerprint import NOT_RECORDED
from src.stats import (
    FEWEST_ROUNDS,
    LEAST_NOISE_FLOOR,
    Ratio,
    autocorrelation,
    median,
    median_error,
    verdict,
)

RESAMPLES = 4000
HOST_FACTS = (
    *("name", "cpu", "isa", "caches", "cpus", "gpus", "gpu_driver", "cgroup_cpus", "memory_gb"),
    *("virtualisation", "governor", "turbo", "system", "libraries", "git_commit"),
)
PLAN_FACTS = ("threads", "pace_s", "seed", "baseline", "percentile", "precision", "budget_s", "blocks")
IN_EARLIER_PLANS = {"blocks": 1}  # what a plan that does not have it yet means
MODEL_FACTS = ("name", "architecture", "fingerprint")
# What a slice begins with and how long it is: earlier versions read engines with large weights too slow.
PROTOCOL_FACTS = ("lead_in", "slice")
ENGINE_FACTS = ("loaded_in",)  # CTranslate2's threads slept where earlier versions loaded it


def ratio_of_medians(new: list[float], base: list[float], *half_widths: float) -> Ratio | None:
    """Return the ratio of the medians of two independent runs' round figures, with its 95 % percentile
    bootstrap interval (Efron & Tibshirani 1993, ch. 13), or None where a run has too few rounds. The interval
    is drawn out to the ratio itself where resampling happens to miss it, and, in logarithms, as much as the
    rounds of either run are alike (stats.median_error): resampling takes them for independent. It is at least
    as wide as the processes of both runs make it: `half_widths` are theirs, in logarithms.
    """
    if min(len(new), len(base)) < FEWEST_ROUNDS:
        return None
    from scipy.stats import bootstrap  # here: it takes half a second, which no other command should wait for

    def statistic(a: Any, b: Any, axis: int) -> Any:
        return np.median(a, axis=axis) / np.median(b, axis=axis)

    bounds = bootstrap(
        (new, base), statistic, vectorized=True, n_resamples=RESAMPLES, method="percentile", rng=0
    ).confidence_interval
    ratio = median(new) / median(base)
    wider = max(median_error(autocorrelation(rounds), len(rounds)) for rounds in (new, base))
    low, high = min(ratio, float(bounds.low)), max(ratio, float(bounds.high))
    interval = ratio * (low / ratio) ** wider, ratio * (high / ratio) ** wider
    half = math.hypot(*half_widths)
    return Ratio(
        ratio, widened(ratio, interval, half) if math.isfinite(half) else None, min(len(new), len(base))
    )


@dataclass(frozen=True)
class Side:
    """A run to compare, and its record, which a table of figures from elsewhere has not."""

    run: Run
    record: Record | None

    @cached_property
    def processes(self) -> Processes | None:
        """Return what the processes of the record's engines are apart by."""
        return Processes(self.record) if self.record else None

    @cached_property
    def floors(self) -> Floors:
        """Return what `results.floors` finds in the record."""
        return floors(self.processes) if self.processes else {}


@dataclass(frozen=True)
class Difference:
    """A fact that two runs do not share."""

    what: str
    base: Any
    new: Any


@dataclass(frozen=True)
class Change:
    """New ÷ base, below 1 is faster. Interval and verdict are None without raw samples on both sides."""

    ratio: float
    ci95: tuple[float, float] | None
    verdict: str | None


@dataclass(frozen=True, kw_only=True)
class Row(OfCase):
    """One cell of both runs. `latency` compares the cells themselves, host and all; `to_baseline` their
    ratios to the baseline measured in the same rounds, so that a host that was slower as a whole does not
    count.
    """

    engine: str
    title: str
    base_ms: float | None
    new_ms: float | None
    noise_floor: float
    latency: Change | None
    to_baseline: Change | None


@dataclass(frozen=True)
class Comparison:
    """Two runs, by their ids: what differs about them, and the cells that both have."""

    base: str
    new: str
    differences: tuple[Difference, ...]
    rows: tuple[Row, ...]


def compare(base: Side, new: Side) -> Comparison:
    """Return two runs side by side."""
    theirs = {(result.engine, result.case): result for result in new.run.results}
    return Comparison(
        base.run.head.id,
        new.run.head.id,
        tuple(differences(base.run, new.run)),
        tuple(
            compare_results(result, other, base, new)
            for result in base.run.results
            if (other := theirs.get((result.engine, result.case)))
        ),
    )


def differences(base: Run, new: Run) -> Iterator[Difference]:
    """Yield what two runs do not share of host, libraries, plan, protocol, probes, inputs, model, and of
    their engines' runtimes and artifacts.
    """
    for what, ours, theirs in (*head_facts(base.head, new.head), *probe_facts(base.noise, new.noise)):
        if ours != theirs:
            yield Difference(what, ours, theirs)
    for name in MODEL_FACTS:
        ours, theirs = (head.model.get(name) or NOT_RECORDED for head in (base.head, new.head))
        if ours != theirs or (ours == NOT_RECORDED and base.head.id != new.head.id):
            yield Difference(f"model {name}", ours, theirs)
    yield from engine_differences(base, new)


def head_facts(base: Head, new: Head) -> Iterator[tuple[str, Any, Any]]:
    """Yield (what, base's, new's) of host, plan, protocol and inputs, the same or not."""
    for where, names in (("host", HOST_FACTS), ("plan", PLAN_FACTS), ("protocol", PROTOCOL_FACTS)):
        for name in names:
            usual = IN_EARLIER_PLANS.get(name)
            ours, theirs = (getattr(head, where).get(name, usual) for head in (base, new))
            yield f"{where} {name}", as_json(ours), as_json(theirs)
    yield "inputs", base.inputs, new.inputs


def as_json(value: Any) -> Any:
    """Return a value as JSON has it: a list and a tuple of the same are the same."""
    return list(value) if isinstance(value, tuple) else value


def probe_facts(base: Noise, new: Noise) -> Iterator[tuple[str, Any, Any]]:
    """Yield what the probes found in both runs, where that is further apart than they are exact."""
    if not base.reference or not new.reference:
        return
    ours, theirs = asdict(base.reference), asdict(new.reference)
    if any(not 0.8 <= (ours[name] or 1) / (theirs[name] or 1) <= 1.25 for name in ours):
        rounded = [{name: round(value or 0) for name, value in probe.items()} for probe in (ours, theirs)]
        yield "CPUs by the probes", rounded[0], rounded[1]


def engine_differences(base: Run, new: Run) -> list[Difference]:
    """Return which engines of both runs are not of one runtime and artifact, or were loaded otherwise."""
    ours, theirs = ({result.engine: result for result in run.results} for run in (base, new))
    mismatches = []
    for engine in sorted(ours.keys() & theirs.keys()):
        sides = [
            {
                "artifact": result.fingerprint.artifact,
                "runtime": result.fingerprint.runtime,
                **{fact: result.facts.get(fact) for fact in ENGINE_FACTS},
            }
            for result in (ours[engine], theirs[engine])
        ]
        for part, value in sides[0].items():
            pair = value or NOT_RECORDED, sides[1][part] or NOT_RECORDED
            if pair[0] != pair[1]:
                mismatches.append(Difference(f"{engine} {part.replace('_', ' ')}", *pair))
    return mismatches


def compare_results(ours: Result, theirs: Result, base: Side, new: Side) -> Row:
    """Return one cell of both runs: `ours` is the base's result, `theirs` the new one's."""
    base_ms, new_ms = ours.figure_ms, theirs.figure_ms
    row = Row(
        **asdict(ours.case),
        engine=ours.engine,
        title=ours.title,
        base_ms=base_ms,
        new_ms=new_ms,
        noise_floor=LEAST_NOISE_FLOOR,
        latency=Change(new_ms / base_ms, None, None) if base_ms and new_ms else None,
        to_baseline=None,
    )
    before, after = base.processes, new.processes
    if before is None or after is None:
        return row
    cell, other = cell_of(ours, before.record), cell_of(theirs, after.record)
    floor = max(
        side.floors.get((side_cell.group, side_cell.case), (None, LEAST_NOISE_FLOOR, ""))[1]
        for side, side_cell in ((base, cell), (new, other))
    )
    latency = ratio_of_medians(
        list(round_medians_ms(after.record, other).values()),
        list(round_medians_ms(before.record, cell).values()),
        before.medians.half_width(cell),
        after.medians.half_width(other),
    )
    relative = None
    if ours.engine != registry.NULL and base.run.head.plan["baseline"] == new.run.head.plan["baseline"]:
        relative = ratio_of_medians(
            list(after.round_ratios(other).values()),
            list(before.round_ratios(cell).values()),
            before.ratios.half_width(cell),
            after.ratios.half_width(other),
        )
    return replace(
        row, noise_floor=floor, latency=change(latency, floor), to_baseline=change(relative, floor)
    )


def cell_of(result: Result, record: Record) -> Cell:
    """Return the cell of a result."""
    wanted = result.facts["group"], result.engine, result.case
    return next(cell for cell in cells(record) if (cell.group, cell.engine, cell.case) == wanted)


def change(ratio: Ratio | None, floor: float) -> Change | None:
    return Change(ratio.ratio, ratio.ci95, verdict(ratio, floor)) if ratio else None
