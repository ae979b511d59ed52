"""What a cell is worth whose warm-up did not end well, or whose engine took more than it was given."""

from dataclasses import replace

import pytest

from src.bench.events import TWIN
from src.bench.record import Record
from src.figures.judging import NOT_WARM
from src.figures.results import summarise
from src.figures.run import INVALID, NOISY, VALID, Result
from tests.unit.test_results import BASELINE, made

ENGINE = "onnxruntime-int8"


@pytest.fixture
def record() -> Record:
    return made({BASELINE: 2.0, BASELINE + TWIN: 2.0, ENGINE: 1.2})


def judged(record: Record) -> Result:
    return next(result for result in summarise(record).results if result.engine == ENGINE)


def cell(record: Record):
    return next(cell for cell in record.slices if cell.engine == ENGINE)


def cool(record: Record) -> None:
    """Let the warm-up have ended at its cap."""
    record.warmed[cell(record)] = replace(record.warmed[cell(record)], steady=False)


def take(record: Record, share_of_first: float, threads: float = 1.0) -> None:
    """Let each round take 1.2 ms, the first third of them this many times as long, by so much CPU time."""
    slices = record.slices[cell(record)]
    for index, slice in enumerate(slices):
        share = share_of_first if index < len(slices) // 3 else 1.0
        ns = [int(1.2e6 * share)] * len(slice.ns)
        evidence = replace(slice.evidence, effective_threads=threads)
        slices[index] = replace(slice, ns=ns, evidence=evidence)


def test_rounds_without_a_trend_are_valid_and_told_that_the_warm_up_was_cut(record: Record):
    take(record, 1.04)
    assert judged(record).reasons == ()
    cool(record)
    assert judged(record).verdict == VALID
    assert judged(record).reasons == (f"{NOT_WARM} Its rounds show no trend since.",)


@pytest.mark.parametrize(("share", "words"), [(1.3, "took 30 % longer"), (0.8, "took 20 % shorter")])
def test_what_a_cut_warm_up_left_to_the_rounds_is_seen(record: Record, share: float, words: str):
    take(record, share)
    assert judged(record).verdict == VALID, "it was warm: that is the host"
    cool(record)
    assert judged(record).verdict == NOISY
    assert words in judged(record).reasons[0]


@pytest.mark.parametrize(
    ("threads", "verdict"), [(1.99, VALID), (2.08, VALID), (2.2, INVALID), (3.9, INVALID)]
)
def test_cpu_time_tells_of_threads_that_are_gone_when_a_slice_ends(
    record: Record, threads: float, verdict: str
):
    """Two were asked for."""
    take(record, 1.0, threads)
    assert judged(record).verdict == verdict
    if verdict == INVALID:
        assert f"the CPU time of {threads:.1f} threads, and 2 were asked for" in judged(record).reasons[0]
