"""Results from the record of a run: one row per engine and case, each number from undisturbed slices."""

from typing import Any

import numpy as np

from src.bench import fingerprint, paced, ramp
from src.bench.events import SCHEMA_VERSION, TWIN, to_json
from src.bench.judging import (
    NOISY_SHARE,
    WAITED_SHARE,
    judge,
    middle,
    noise_reasons,
    unsteady_reasons,
    waited,
)
from src.bench.plan import Case
from src.bench.record import Cell, Record, round_medians
from src.bench.stats import (
    Ratio,
    geometric_mean,
    median,
    median_interval,
    noise_floor,
    paired_ratio,
    percentile,
    verdict,
)
from src.engines import registry

# By group and case: the A/A pair's ratio, the noise floor that follows, the verdict of the baseline's cell.
Floors = dict[tuple[int, Case], tuple[Ratio | None, float, str]]


def summarise(record: Record, raw: bool = False) -> dict[str, Any]:
    """Return the JSON of a run (docs/results.md): run, results, failures, noise, summary; with `raw` also
    every event, from which all of it can be computed again.
    """
    begun, ended = record.begun, record.ended
    assert begun, "a record begins with its head"
    pairs = floors(record)
    rows = [row(record, cell, pairs) for cell in cells(record) if not cell.engine.endswith(TWIN)]
    found: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "run": {
            **{
                name: value
                for name, value in to_json(begun).items()
                if name not in ("kind", "schema_version")
            },
            "rounds": record.rounds,
            "stopped": ended.stopped if ended else "unfinished",
            "interrupted": not ended or ended.stopped == "interrupted",
            "seconds": ended.seconds if ended else None,
            "left_out": list(ended.left_out) if ended else [],
            "time": cost(record),
        },
        "results": rows,
        "paced": [paced_row(record, cell) for cell in record.paced],
        "failures": [{"engine": one.engine, "reason": one.reason} for one in record.failures],
        "noise": noise(record, rows, pairs),
        "summary": summary(rows, begun.plan["baseline"]),
    }
    if raw:
        found["events"] = record.to_json()
    return found


def cells(record: Record) -> list[Cell]:
    """Return the cells that have results, by case, in loading order."""
    at = {key: number for number, key in enumerate(record.loaded)}
    return sorted(record.slices, key=lambda cell: (cell.case, at[cell.group, cell.engine, cell.case.threads]))


def round_medians_ms(record: Record, cell: Cell) -> dict[int, float]:
    """Return a cell's figure of each round: the median of its undisturbed slice, in ms."""
    return {number: ns / 1e6 for number, ns in round_medians(record.undisturbed(cell)).items()}


def row(record: Record, cell: Cell, pairs: Floors) -> dict[str, Any]:
    """Return one result (docs/results.md). `pairs` is what `floors` returned."""
    assert record.begun
    case = cell.case
    loaded = record.loaded[cell.group, cell.engine, case.threads]
    warmed = record.warmed[cell]
    slices = record.undisturbed(cell)
    calls = np.concatenate([np.asarray(one.ns, dtype=float) for one in slices] or [np.empty(0)]) / 1e6
    judged, reasons = judge(record, cell)
    mean = float(calls.mean()) if calls.size else None
    medians = round_medians_ms(record, cell)
    counted = record.counted(cell)
    rest = ramp.rest([slice.ns for slice in slices])
    return {
        "engine": cell.engine,
        "precision": loaded.precision,
        "device": loaded.device,
        "environment": loaded.environment,
        **fingerprint.recorded(record.begun, loaded),
        **case_fields(case),
        "samples": int(calls.size),
        "mean_ms": mean,
        "median_ms": median(list(medians.values())) if medians else None,
        "median_ci95_ms": median_interval(list(medians.values())),
        "min_ms": float(calls.min()) if calls.size else None,
        "std_ms": float(calls.std(ddof=1)) if calls.size > 1 else None,
        **{f"p{rank}_ms": percentile(calls.tolist(), rank) for rank in (90, 95, 99)},
        # Of a run that paused before each call it would tell less than what a machine can answer.
        "throughput_per_s": 1000 * case.batch_size / mean
        if mean and not record.begun.plan["pace_s"]
        else None,
        "load_s": loaded.load_s,
        "first_call_ms": warmed.first_call_ms,
        "peak_rss_mb": warmed.peak_rss_mb,
        "artifact_mb": loaded.artifact_mb,
        "effective_threads": middle(one.evidence.effective_threads for one in slices),
        "ramp": {"ratio": rest.ratio, "ci95": rest.ci95, "slices": rest.rounds} if rest else None,
        "switch_ms": milliseconds(middle(slice.first_ns for slice in slices)),
        "verdict": judged,
        "reasons": reasons,
        "ratios": ratios(record, cell, judged, pairs),
        "facts": {
            **loaded.facts,
            "title": loaded.title,
            "artifact": loaded.artifact,
            "group": cell.group,
            "rounds": len(medians),
            "slices": len(counted),
            "disturbed_slices": len(counted) - len(slices),
            "rounds_lost": len({slice.round for slice in counted}) - len(medians),
            "lead_in": lead_in(record, cell),
            "warm_up": {"calls": warmed.calls, "steady": warmed.steady},
            "memory": {"rss_after_load_mb": loaded.rss_mb, "pss_after_load_mb": loaded.pss_mb},
            "threads_ran": middle(one.evidence.threads_ran for one in slices),
            "answers": warmed.answers,
            "accuracy": loaded.facts.get("accuracy"),
        },
    }


def milliseconds(ns: float | None) -> float | None:
    return None if ns is None else ns / 1e6


def lead_in(record: Record, cell: Cell) -> dict[str, Any] | None:
    """Return {calls, ramp_calls, ramp_ms, plateau_ms, steady, slices_before}: how many untimed calls a
    slice of a cell began with, the ramp that was measured, and how many slices came before the lead-in was
    long enough, which do not count. None for runs of schema version 1, and where there was no time to
    measure a ramp and no need of a longer lead-in.
    """
    known = record.lead_ins.get(cell)
    if not known:
        return None
    measured = ramp.measure_ramp(known[0].visits) if known[0].visits else None
    return {
        "calls": known[-1].calls,
        "ramp_calls": measured and measured.calls,
        "ramp_ms": measured and measured.ns / 1e6,
        "plateau_ms": measured and measured.plateau_ns / 1e6,
        "steady": measured and measured.steady,
        "slices_before": len(record.slices.get(cell, [])) - len(record.counted(cell)),
    }


def paced_row(record: Record, cell: Cell) -> dict[str, Any]:
    """Return what a paced cell took (docs/results.md)."""
    loaded = record.loaded[cell.group, cell.engine, cell.case.threads]
    return {
        "engine": cell.engine,
        "title": loaded.title,
        "device": loaded.device,
        **case_fields(cell.case),
        **paced.figures(record, cell),
    }


def floors(record: Record) -> Floors:
    """Return, by group and case, the A/A pair's ratio, the noise floor f that follows from it, and the
    baseline's verdict.
    """
    assert record.begun
    baseline = record.begun.plan["baseline"]
    found = {}
    for cell in record.slices:
        if cell.engine == baseline:
            twin = cell._replace(engine=baseline + TWIN)
            pair = paired_ratio(round_medians_ms(record, twin), round_medians_ms(record, cell))
            found[cell.group, cell.case] = pair, noise_floor(pair), judge(record, cell)[0]
    return found


def ratios(record: Record, cell: Cell, judged: str, pairs: Floors) -> dict[str, Any]:
    """Return {baseline id: {ratio, ci95, verdict, rounds, noise_floor}}: latency ÷ the baseline's in the same
    rounds; empty for the baseline itself, for `null`, and without a baseline. `judged` is the cell's verdict.
    """
    assert record.begun
    baseline = record.begun.plan["baseline"]
    other = cell._replace(engine=baseline)
    if cell.engine == baseline or cell.engine == registry.NULL or other not in record.slices:
        return {}
    pair = paired_ratio(round_medians_ms(record, cell), round_medians_ms(record, other))
    if pair is None:
        return {}
    twins, floor, worth = pairs[cell.group, cell.case]
    # No verdict rests on an invalid baseline, on one that failed later, or on a floor that nobody measured.
    known = twins is not None and twins.ci95 is not None
    counts = known and "invalid" not in (judged, worth) and baseline not in record.failed
    return {
        baseline: {
            "ratio": pair.ratio,
            "ci95": pair.ci95,
            "verdict": verdict(pair, floor) if counts else None,
            "rounds": pair.rounds,
            "noise_floor": floor,
        }
    }


def noise(record: Record, rows: list[dict[str, Any]], found: Floors) -> dict[str, Any]:
    """Return what limits the run: the noise floors of the A/A pair, disturbed slices, the harness's cost."""
    pairs = [
        {
            **case_fields(case),
            "group": group,
            "ratio": pair.ratio if pair else None,
            "ci95": pair.ci95 if pair else None,
            "rounds": pair.rounds if pair else 0,
            "noise_floor": floor,
        }
        for (group, case), (pair, floor, _) in sorted(found.items())
    ]
    slices = [one for some in record.slices.values() for one in some]
    disturbed = [one for one in slices if record.disturbed(one)]
    reference = record.reference
    return {
        # None without an A/A pair: then nothing is known.
        "noise_floor": max((one["noise_floor"] for one in pairs if one["rounds"]), default=None),
        "pairs": pairs,
        "slices": len(slices),
        "disturbed_slices": len(disturbed),
        # None without a slice: nothing was measured, so nothing is judged.
        "noisy": (
            any(one["verdict"] != "valid" for one in rows)
            or len(disturbed) > NOISY_SHARE * len(slices)
            or waited(record) > WAITED_SHARE
        )
        if slices
        else None,
        "reasons": [*unsteady_reasons(rows), *noise_reasons(record, slices)],
        "reference": {"apart_ns": reference.apart_ns, "loop_us": reference.loop_us} if reference else None,
        "harness": [
            {**case_fields(cell.case), "median_us": 1000 * one["median_ms"]}
            for cell in record.slices
            if cell.engine == registry.NULL
            for one in rows
            if one["engine"] == cell.engine and case_of(one) == cell.case and one["median_ms"] is not None
        ],
    }


def case_fields(case: Case) -> dict[str, Any]:
    return {
        "batch_size": case.batch_size,
        "sequence_length": case.sequence_length,
        "threads": case.threads,
        "scope": case.scope,
    }


def case_of(row: dict[str, Any]) -> Case:
    """Return the case of a result."""
    return Case(row["batch_size"], row["sequence_length"], row["threads"], row["scope"])


def figure_ms(row: dict[str, Any]) -> float | None:
    """Return a result's typical latency in ms: its median, or its mean where that is all a table told."""
    return row["median_ms"] if row["median_ms"] is not None else row["mean_ms"]


def summary(rows: list[dict[str, Any]], baseline: str) -> list[dict[str, Any]]:
    """Return, for each engine and scope, the geometric mean of its ratios to the baseline over its cases."""
    found: dict[tuple[str, str], list[float]] = {}
    for one in rows:
        ratio = one["ratios"].get(baseline, {}).get("ratio")
        if ratio is not None and one["verdict"] != "invalid":
            found.setdefault((one["engine"], one["scope"]), []).append(ratio)
    return [
        {
            "engine": engine,
            "scope": scope,
            "baseline": baseline,
            "cases": len(some),
            "geometric_mean_ratio": geometric_mean(some),
        }
        for (engine, scope), some in found.items()
    ]


def cost(record: Record) -> dict[str, Any] | None:
    """Return how the run's time was spent, in seconds and shares, or None for one that has not ended."""
    ended = record.ended
    if not ended:
        return None
    return {
        "measuring_s": ended.measuring_s,
        "calls_s": ended.calls_s,
        "calls_share": ended.calls_s / ended.measuring_s if ended.measuring_s else None,
        "measurer_cpu_cores": ended.own_cpu_s / ended.slices_s if ended.slices_s else None,
        "waited_s": ended.waited_s,
        "yielded_s": ended.yielded_s,
    }
