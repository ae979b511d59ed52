"""Results from the record of a run: one per engine and case, each number from undisturbed slices."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from src.bench.events import TWIN, Begun
from src.bench.plan import Case
from src.bench.record import Cell, Record
from src.engines import registry
from src.facts import Facts
from src.figures import paced_results
from src.figures.judging import (
    NOISY_SHARE,
    WAITED_SHARE,
    judge,
    middle,
    noise_reasons,
    unsteady_reasons,
    waited,
)
from src.figures.processes import Processes, calls_ms, round_medians_ms
from src.figures.run import (
    INVALID,
    VALID,
    Cost,
    Harness,
    Head,
    JudgedRatio,
    Noise,
    Pair,
    Ramp,
    Result,
    Run,
    Summary,
)
from src.model import fingerprint
from src.stats import (
    Ratio,
    autocorrelation,
    geometric_mean,
    median,
    noise_floor,
    percentile,
    verdict,
)
from src.workers import ramp

# By group and case: the A/A pair's ratio, the noise floor that follows, the verdict of the baseline's cell.
Floors = dict[tuple[int, Case], tuple[Ratio | None, float, str]]


def summarise(record: Record) -> Run:
    """Return what came out of a run (docs/results.md), as far as it has come."""
    assert record.begun, "a record begins with its head"
    processes = Processes(record)
    pairs = floors(processes)
    results = [row(processes, cell, pairs) for cell in cells(record) if not cell.engine.endswith(TWIN)]
    return Run(
        head=head(record, record.begun),
        results=tuple(results),
        paced=tuple(paced_results.outcome(record, cell) for cell in record.paced),
        failures=tuple(record.failures),
        noise=noise(record, results, pairs),
        summary=summary(results, record.begun.plan["baseline"]),
    )


def head(record: Record, begun: Begun) -> Head:
    """Return a run's head: what it began with, and how it ended so far."""
    ended = record.ended
    return Head(
        id=begun.id,
        started_at=begun.started_at,
        command=begun.command,
        host=begun.host,
        model=begun.model,
        plan=begun.plan,
        protocol=begun.protocol,
        inputs=begun.inputs,
        rounds=record.rounds,
        stopped=ended.stopped if ended else "unfinished",
        interrupted=not ended or ended.stopped == "interrupted",
        seconds=ended.seconds if ended else None,
        left_out=ended.left_out if ended else (),
        time=cost(record),
    )


def cells(record: Record) -> list[Cell]:
    """Return the cells that have results, by case, in loading order."""
    at = {key: number for number, key in enumerate(record.loaded)}
    return sorted(record.slices, key=lambda cell: (cell.case, at[cell.group, cell.engine, cell.case.threads]))


def row(processes: Processes, cell: Cell, pairs: Floors) -> Result:
    """Return one result. `pairs` is what `floors` returned."""
    record = processes.record
    assert record.begun
    case = cell.case
    loaded = record.loaded[cell.group, cell.engine, case.threads]
    warmed = record.warmed[cell]
    slices = record.undisturbed(cell)
    by_slice = calls_ms(record, cell)
    calls = np.concatenate(by_slice or [np.empty(0)])
    times_ms = calls.tolist()
    judged, reasons = judge(record, cell)
    mean = float(calls.mean()) if calls.size else None
    medians = round_medians_ms(record, cell)
    figure = median(list(medians.values())) if medians else None
    rest = ramp.rest([slice.ns for slice in slices])
    return Result(
        engine=cell.engine,
        precision=loaded.precision,
        device=loaded.device,
        environment=loaded.environment,
        model_fingerprint=record.begun.model.get("fingerprint"),
        artifact_key=loaded.artifact,
        runtime=fingerprint.runtime(loaded.facts) or None,
        cpu_key=fingerprint.of_cpu(record.begun.host) or None,
        **asdict(case),
        samples=int(calls.size),
        mean_ms=mean,
        median_ms=figure,
        median_ci95_ms=processes.median_interval(cell, medians, figure) if figure else None,
        min_ms=float(calls.min()) if calls.size else None,
        std_ms=float(calls.std(ddof=1)) if calls.size > 1 else None,
        p90_ms=percentile(times_ms, 90),
        p95_ms=percentile(times_ms, 95),
        p99_ms=percentile(times_ms, 99),
        p90_bound_ms=processes.certified(cell, by_slice, 90),
        p95_bound_ms=processes.certified(cell, by_slice, 95),
        p99_bound_ms=processes.certified(cell, by_slice, 99),
        # Of a run that paused before each call it would tell less than what a machine can answer.
        throughput_per_s=1000 * case.batch_size / mean if mean and not record.begun.plan["pace_s"] else None,
        load_s=loaded.load_s,
        first_call_ms=warmed.first_call_ms,
        peak_rss_mb=warmed.peak_rss_mb,
        artifact_mb=loaded.artifact_mb,
        effective_threads=middle(slice.evidence.effective_threads for slice in slices),
        ramp=Ramp(rest.ratio, rest.ci95, rest.rounds) if rest else None,
        switch_ms=milliseconds(middle(slice.first_ns for slice in slices)),
        verdict=judged,
        reasons=tuple(reasons),
        ratios=ratios(processes, cell, judged, pairs),
        facts=facts(processes, cell, list(medians.values())),
    )


def facts(processes: Processes, cell: Cell, medians: list[float]) -> Facts:
    """Return what is told beside the figures of a cell that has these of its rounds."""
    record, rounds = processes.record, len(medians)
    loaded = record.loaded[cell.group, cell.engine, cell.case.threads]
    warmed, counted, kept = record.warmed[cell], record.counted(cell), record.undisturbed(cell)
    return {
        **loaded.facts,
        "title": loaded.title,
        "artifact": loaded.artifact,
        "group": cell.group,
        "rounds": rounds,
        "autocorrelation": round(autocorrelation(medians), 3),
        "blocks": processes.told(cell),
        "slices": len(counted),
        "disturbed_slices": len(counted) - len(kept),
        "rounds_lost": len({slice.round for slice in counted}) - rounds,
        "lead_in": lead_in(record, cell),
        "warm_up": {"calls": warmed.calls, "steady": warmed.steady},
        "memory": {"rss_after_load_mb": loaded.rss_mb, "pss_after_load_mb": loaded.pss_mb},
        "threads_ran": middle(slice.evidence.threads_ran for slice in kept),
        "answers": warmed.answers,
        "accuracy": loaded.facts.get("accuracy"),
    }


def milliseconds(ns: float | None) -> float | None:
    return None if ns is None else ns / 1e6


def lead_in(record: Record, cell: Cell) -> Facts | None:
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


def floors(processes: Processes) -> Floors:
    """Return, by group and case, the A/A pair's ratio, the noise floor f that follows from it, and the
    baseline's verdict.
    """
    record, baseline = processes.record, processes.baseline
    pairs = {}
    for cell in record.slices:
        if cell.engine == baseline:
            twin = cell._replace(engine=baseline + TWIN)
            pair = processes.ratio(twin)
            pairs[cell.group, cell.case] = pair, noise_floor(pair), judge(record, cell)[0]
    return pairs


def ratios(processes: Processes, cell: Cell, judged: str, pairs: Floors) -> dict[str, JudgedRatio]:
    """Return, by the baseline's id, latency ÷ the baseline's in the same rounds; empty for the baseline
    itself, for `null`, and without a baseline. `judged` is the cell's verdict.
    """
    record, baseline = processes.record, processes.baseline
    other = cell._replace(engine=baseline)
    if cell.engine == baseline or cell.engine == registry.NULL or other not in record.slices:
        return {}
    pair = processes.ratio(cell)
    if pair is None:
        return {}
    twins, floor, worth = pairs[cell.group, cell.case]
    # No verdict rests on an invalid baseline, on one that failed later, or on a floor that nobody measured.
    known = twins is not None and twins.ci95 is not None
    counts = known and INVALID not in (judged, worth) and baseline not in record.failed
    judgement = verdict(pair, floor) if counts else None
    return {baseline: JudgedRatio(pair.ratio, pair.ci95, judgement, pair.rounds, floor)}


def noise(record: Record, results: Sequence[Result], floors: Floors) -> Noise:
    """Return what limits the run: the noise floors of the A/A pair, disturbed slices, the harness's cost."""
    pairs = [
        Pair(
            **asdict(case),
            group=group,
            ratio=pair.ratio if pair else None,
            ci95=pair.ci95 if pair else None,
            rounds=pair.rounds if pair else 0,
            noise_floor=floor,
        )
        for (group, case), (pair, floor, _) in sorted(floors.items())
    ]
    slices = [slice for slices in record.slices.values() for slice in slices]
    disturbed = [slice for slice in slices if record.disturbed(slice)]
    noisy = (
        any(result.verdict != VALID for result in results)
        or len(disturbed) > NOISY_SHARE * len(slices)
        or waited(record) > WAITED_SHARE
    )
    return Noise(
        noise_floor=max((pair.noise_floor for pair in pairs if pair.rounds), default=None),
        pairs=tuple(pairs),
        slices=len(slices),
        disturbed_slices=len(disturbed),
        noisy=noisy if slices else None,
        reasons=(*unsteady_reasons(results), *noise_reasons(record, slices)),
        reference=record.reference,
        harness=tuple(
            Harness(**asdict(result.case), median_us=1000 * result.median_ms)
            for result in results
            if result.engine == registry.NULL and result.median_ms is not None
        ),
    )


def summary(results: Sequence[Result], baseline: str) -> tuple[Summary, ...]:
    """Return, for each engine and scope, the geometric mean of its ratios to the baseline over its cases."""
    ratios: dict[tuple[str, str], list[float]] = {}
    for result in results:
        if baseline in result.ratios and not result.invalid:
            ratios.setdefault((result.engine, result.scope), []).append(result.ratios[baseline].ratio)
    return tuple(
        Summary(engine, scope, baseline, len(of_cases), geometric_mean(of_cases))
        for (engine, scope), of_cases in ratios.items()
    )


def cost(record: Record) -> Cost | None:
    """Return how the run's time was spent, or None for one that has not ended."""
    ended = record.ended
    if not ended:
        return None
    return Cost(
        ended.measuring_s,
        ended.calls_s,
        ended.calls_s / ended.measuring_s if ended.measuring_s else None,
        ended.own_cpu_s / ended.slices_s if ended.slices_s else None,
        ended.waited_s,
        ended.yielded_s,
    )
