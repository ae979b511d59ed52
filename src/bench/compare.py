"""Two runs side by side: what differs about them, and how each cell's latency changed."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from src.bench import fingerprint
from src.bench.fingerprint import NOT_RECORDED
from src.bench.record import Cell, Record
from src.bench.results import Floors, case_of, cells, figure_ms, floors, round_medians_ms
from src.bench.stats import FEWEST_ROUNDS, LEAST_NOISE_FLOOR, Ratio, median, verdict
from src.engines import registry

RESAMPLES = 4000
HOST_FACTS = (
    *("name", "cpu", "isa", "caches", "cpus", "cgroup_cpus", "memory_gb", "virtualisation"),
    *("governor", "turbo", "system", "libraries", "git_commit"),
)
PLAN_FACTS = ("threads", "pace_s", "seed", "baseline", "percentile", "precision", "budget_s")
MODEL_FACTS = ("name", "architecture", "fingerprint")
# What a slice begins with and how long it is: earlier versions read engines with large weights too slow.
PROTOCOL_FACTS = ("lead_in", "slice")


def ratio_of_medians(new: list[float], base: list[float]) -> Ratio | None:
    """Return the ratio of the medians of two independent runs' round figures, with its 95 % percentile
    bootstrap interval (Efron & Tibshirani 1993, ch. 13), or None where a run has too few rounds. The interval
    is drawn out to the ratio itself where resampling happens to miss it.
    """
    if min(len(new), len(base)) < FEWEST_ROUNDS:
        return None
    from scipy.stats import bootstrap  # here: it takes half a second, which no other command should wait for

    def statistic(a: Any, b: Any, axis: int) -> Any:
        return np.median(a, axis=axis) / np.median(b, axis=axis)

    found = bootstrap(
        (new, base), statistic, vectorized=True, n_resamples=RESAMPLES, method="percentile", rng=0
    ).confidence_interval
    ratio = median(new) / median(base)
    interval = min(ratio, float(found.low)), max(ratio, float(found.high))
    return Ratio(ratio, interval, min(len(new), len(base)))


@dataclass(frozen=True)
class Side:
    """A run to compare: its JSON, and its record, which a table of figures from elsewhere has not."""

    run: dict[str, Any]
    record: Record | None

    @cached_property
    def floors(self) -> Floors:
        """Return what `results.floors` finds in the record."""
        return floors(self.record) if self.record else {}


def compare(base: Side, new: Side) -> dict[str, Any]:
    """Return {base, new, differences, rows}: rows of cells that both runs have, new ÷ base.

    `latency` compares the cells themselves, host and all; `to_baseline` compares their ratios to the baseline
    measured in the same rounds, so that a host that was slower as a whole does not count. Without raw samples
    on both sides there is a ratio, and neither an interval nor a verdict.
    """
    theirs = {key(row): row for row in new.run["results"]}
    return {
        "base": base.run["run"]["id"],
        "new": new.run["run"]["id"],
        "differences": differences(base.run, new.run),
        "rows": [
            compare_rows(row, theirs[key(row)], base, new)
            for row in base.run["results"]
            if key(row) in theirs
        ],
    }


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["engine"], case_of(row)


def differences(base: dict[str, Any], new: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what two runs (their JSON) do not share of host, libraries, model, plan and inputs:
    {what, base, new}.
    """
    heads = base["run"], new["run"]
    found = []
    for where, names in (("host", HOST_FACTS), ("plan", PLAN_FACTS)):
        for name in names:
            pair = [head[where].get(name) for head in heads]
            # As JSON has it: a list and a tuple of the same are the same.
            pair = [list(one) if isinstance(one, tuple) else one for one in pair]
            if pair[0] != pair[1]:
                found.append({"what": f"{where} {name}", "base": pair[0], "new": pair[1]})
    for name in PROTOCOL_FACTS:
        pair = [(head.get("protocol") or {}).get(name) for head in heads]
        if pair[0] != pair[1]:
            found.append({"what": f"protocol {name}", "base": pair[0], "new": pair[1]})
    probes = [one["noise"]["reference"] for one in (base, new)]
    if all(probes) and any(
        not 0.8 <= (probes[0][name] or 1) / (probes[1][name] or 1) <= 1.25 for name in probes[0]
    ):
        rounded = [{name: round(value or 0) for name, value in one.items()} for one in probes]
        found.append({"what": "CPUs by the probes", "base": rounded[0], "new": rounded[1]})
    if heads[0]["inputs"] != heads[1]["inputs"]:
        found.append({"what": "inputs", "base": heads[0]["inputs"], "new": heads[1]["inputs"]})
    for name in MODEL_FACTS:
        pair = [head["model"].get(name) or NOT_RECORDED for head in heads]
        unknown = pair == [NOT_RECORDED, NOT_RECORDED] and heads[0]["id"] != heads[1]["id"]
        if pair[0] != pair[1] or unknown:
            found.append({"what": f"model {name}", "base": pair[0], "new": pair[1]})
    return found + engine_differences(base, new)


def engine_differences(base: dict[str, Any], new: dict[str, Any]) -> list[dict[str, Any]]:
    """Return which engines of both runs are not of one runtime and artifact: {what, base, new}."""
    ours, theirs = (
        {row["engine"]: fingerprint.of_result(run, row) for row in run["results"]} for run in (base, new)
    )
    differences = []
    for engine in ours.keys() & theirs.keys():
        for what in ("runtime", "artifact"):
            pair = [getattr(one[engine], what) or NOT_RECORDED for one in (ours, theirs)]
            if pair[0] != pair[1]:
                differences.append({"what": f"{engine} {what}", "base": pair[0], "new": pair[1]})
    return sorted(differences, key=lambda one: str(one["what"]))


def compare_rows(row: dict[str, Any], other: dict[str, Any], base: Side, new: Side) -> dict[str, Any]:
    """Return one cell of both runs: `row` is the base's result, `other` the new one's."""
    base_ms, new_ms = figure_ms(row), figure_ms(other)
    found = {
        **{name: row[name] for name in ("engine", "batch_size", "sequence_length", "threads", "scope")},
        "title": row["facts"]["title"],
        "base_ms": base_ms,
        "new_ms": new_ms,
        "noise_floor": LEAST_NOISE_FLOOR,
        "latency": {"ratio": new_ms / base_ms, "ci95": None, "verdict": None} if base_ms and new_ms else None,
        "to_baseline": None,
    }
    if base.record is None or new.record is None:
        return found
    cell, twin = cell_of(row, base.record), cell_of(other, new.record)
    floor = max(
        side.floors.get((one.group, one.case), (None, LEAST_NOISE_FLOOR, ""))[1]
        for side, one in ((base, cell), (new, twin))
    )
    ours, theirs = round_medians_ms(new.record, twin), round_medians_ms(base.record, cell)
    comparable = (
        row["engine"] != registry.NULL
        and base.run["run"]["plan"]["baseline"] == new.run["run"]["plan"]["baseline"]
    )
    return found | {
        "noise_floor": floor,
        "latency": told(ratio_of_medians(list(ours.values()), list(theirs.values())), floor),
        "to_baseline": told(
            ratio_of_medians(to_baseline(new.record, twin), to_baseline(base.record, cell)), floor
        )
        if comparable
        else None,
    }


def cell_of(row: dict[str, Any], record: Record) -> Cell:
    """Return the cell of a result."""
    return next(
        one
        for one in cells(record)
        if (one.group, one.engine, one.case) == (row["facts"]["group"], row["engine"], case_of(row))
    )


def to_baseline(record: Record, cell: Cell) -> list[float]:
    """Return the per-round ratios of a cell to the baseline; none for the baseline itself."""
    assert record.begun
    baseline = cell._replace(engine=record.begun.plan["baseline"])
    if cell == baseline:
        return []
    ours, theirs = round_medians_ms(record, cell), round_medians_ms(record, baseline)
    return [ours[round] / theirs[round] for round in sorted(ours.keys() & theirs.keys())]


def told(ratio: Ratio | None, floor: float) -> dict[str, Any] | None:
    if ratio is None:
        return None
    return {"ratio": ratio.ratio, "ci95": ratio.ci95, "verdict": verdict(ratio, floor)}
