"""Two runs side by side: what differs about them, and how each cell's latency changed."""

from typing import Any

import numpy as np
from scipy.stats import bootstrap

from src.bench.record import TWIN, Cell, Record
from src.bench.results import case_fields, cells, floors, round_medians_ms
from src.bench.stats import FEWEST_ROUNDS, Ratio, median, verdict

RESAMPLES = 4000
HOST_FACTS = (
    "name",
    "cpu",
    "isa",
    "cpus",
    "cgroup_cpus",
    "governor",
    "turbo",
    "system",
    "libraries",
    "git_commit",
)
PLAN_FACTS = ("threads", "pace_s", "seed", "baseline", "percentile", "precision")


def ratio_of_medians(new: list[float], base: list[float]) -> Ratio | None:
    """Return the ratio of the medians of two independent runs' round figures, with its 95 % percentile
    bootstrap interval (Efron & Tibshirani 1993, ch. 13), or None where a run has too few rounds.
    """
    if min(len(new), len(base)) < FEWEST_ROUNDS:
        return None

    def statistic(a: Any, b: Any, axis: int) -> Any:
        return np.median(a, axis=axis) / np.median(b, axis=axis)

    found = bootstrap(
        (new, base), statistic, vectorized=True, n_resamples=RESAMPLES, method="percentile", rng=0
    ).confidence_interval
    return Ratio(median(new) / median(base), (float(found.low), float(found.high)), min(len(new), len(base)))


def compare(base: Record, new: Record) -> dict[str, Any]:
    """Return {base, new, differences, rows}: rows of cells that both runs have, new ÷ base.

    `latency` compares the cells themselves, host and all; `to_baseline` compares their ratios to the baseline
    measured in the same rounds, so that a host that was slower as a whole does not count.
    """
    assert base.begun
    assert new.begun
    return {
        "base": base.begun.id,
        "new": new.begun.id,
        "differences": differences(base, new),
        "rows": [
            row
            for cell in cells(base)
            if not cell.engine.endswith(TWIN) and (row := compare_cell(cell, base, new))
        ],
    }


def differences(base: Record, new: Record) -> list[dict[str, Any]]:
    """Return what two runs do not share of host, libraries, model, plan and inputs: {what, base, new}."""
    assert base.begun
    assert new.begun
    found = []
    for where, names in (("host", HOST_FACTS), ("plan", PLAN_FACTS)):
        for name in names:
            pair = [getattr(one, where).get(name) for one in (base.begun, new.begun)]
            if pair[0] != pair[1]:
                found.append({"what": f"{where} {name}", "base": pair[0], "new": pair[1]})
    references = [
        {"apart_ns": round(seen.apart_ns or 0), "loop_us": round(seen.loop_us)}
        for seen in (base.reference, new.reference)
        if seen
    ]
    if len(references) == 2 and any(
        not 0.8 <= (references[0][name] or 1) / (references[1][name] or 1) <= 1.25 for name in references[0]
    ):
        found.append({"what": "CPUs by the probes", "base": references[0], "new": references[1]})
    for name in ("model", "inputs"):
        pair = [getattr(one, name) for one in (base.begun, new.begun)]
        if pair[0] != pair[1]:
            found.append({"what": name, "base": pair[0], "new": pair[1]})
    return found


def compare_cell(cell: Cell, base: Record, new: Record) -> dict[str, Any] | None:
    assert base.begun
    assert new.begun
    other = next((one for one in cells(new) if (one.engine, one.case) == (cell.engine, cell.case)), None)
    if other is None:
        return None
    ours, theirs = round_medians_ms(new, other), round_medians_ms(base, cell)
    floor = max(
        floors(record).get((one.group, one.case), (None, 0.01))[1]
        for record, one in ((base, cell), (new, other))
    )
    return {
        "engine": cell.engine,
        **case_fields(cell.case),
        "base_ms": median(list(theirs.values())) if theirs else None,
        "new_ms": median(list(ours.values())) if ours else None,
        "noise_floor": floor,
        "latency": told(ratio_of_medians(list(ours.values()), list(theirs.values())), floor),
        "to_baseline": told(ratio_of_medians(to_baseline(new, other), to_baseline(base, cell)), floor)
        if base.begun.plan["baseline"] == new.begun.plan["baseline"]
        else None,
    }


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
