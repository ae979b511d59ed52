"""After a switch an engine is slow at first: that is measured, told, and kept out of its latency."""

import itertools
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.bench import lead_ins, protocol, sentence
from src.bench.events import LeadIn
from src.bench.plan import Plan
from src.bench.record import Record
from src.engines import registry
from src.figures.results import summarise
from src.host import evidence
from src.model.source import ModelSource
from src.workers import ramp
from src.workers.pool import Pool
from tests import ramp_fakes
from tests.conftest import DEMO

pytestmark = pytest.mark.one_cpu

RAMPS = {
    "fake-ramp-5": ramp_fakes.Ramping,
    "fake-ramp-20": ramp_fakes.Ramping20,
    "fake-ramp-100": ramp_fakes.Ramping100,
    "fake-ramp-little": ramp_fakes.RampingLittle,
}


def curve(calls: int, height: float, length: int, noise: float = 0.01, seed: int = 0) -> list[int]:
    """Return nanoseconds that fall in a line to 1 ms within so many calls."""
    positions = np.arange(length)
    shares = np.maximum(0, 1 - positions / max(1, calls))
    rng = np.random.default_rng(seed)
    return [int(value) for value in 1e6 * (1 + height * shares) * rng.lognormal(0, noise, length)]


# --- the figures


@pytest.mark.parametrize(("calls", "height"), list(itertools.product((0, 3, 8, 20, 60), (0.05, 0.2, 0.5))))
def test_a_ramp_ends_where_the_plateau_begins(calls: int, height: float):
    measured = ramp.measure_ramp([curve(calls, height, 200, seed=seed) for seed in range(3)])
    assert measured.steady
    assert measured.plateau_ns == pytest.approx(1e6, rel=0.005)
    # From here on the curve is less than 1 % above its end; parts are half as long as what came before them.
    needed = calls * (1 - 0.01 / height)
    assert needed * 0.6 - 2 <= measured.calls <= 1.6 * needed + 5


def test_a_lead_in_covers_the_tail_below_the_noise_of_its_visits():
    """A way down as ONNX Runtime FP32 had it at 16 tokens: the last percents of it are not seen in three
    visits whose calls vary by 3 %, and a lead-in as long as what is seen would leave them to timed calls.
    """
    positions = np.arange(120)
    way = 1e6 * (1 + 0.8 * np.exp(-positions / 1.5) + 0.04 * np.exp(-positions / 6))
    bare, given = [], []
    for seed in range(20):
        noise = np.random.default_rng(seed).lognormal(0, 0.03, (ramp.VISITS, len(way)))
        measured = ramp.measure_ramp([[int(call) for call in way * times] for times in noise])
        bare.append(left(way, measured.calls))
        given.append(left(way, ramp.lead_in(measured)))
    assert max(given) < 1 + ramp.TOLERANCE
    assert sum(rest > 1 + ramp.TOLERANCE for rest in bare) >= 5


def left(way: np.ndarray, lead_in: int, calls: int = 14) -> float:
    """Return what is left of a ramp in so many timed calls after a lead-in."""
    rest = ramp.rest([way[lead_in : lead_in + calls].tolist()])
    assert rest
    return rest.ratio


@pytest.mark.parametrize(
    ("calls", "call_s", "lead_in"),
    [(0, 0.002, 8), (7, 0.002, 14), (13, 0.002, 16), (40, 0.002, 40), (3, 0.02, 7), (2, 0.1, 2), (2, 2.0, 2)],
)
def test_a_lead_in_is_the_ramp_and_its_tail(calls: int, call_s: float, lead_in: int):
    assert ramp.lead_in(ramp.Ramp(calls, 0.0, 1e9 * call_s, 0.0, steady=True)) == lead_in


def test_an_engine_that_is_faster_at_first_has_a_ramp_too():
    """As CTranslate2 at 16 tokens: four calls after others ran take three quarters of its plateau."""
    visits = [curve(0, 0.0, 100, seed=seed) for seed in range(3)]
    for visit in visits:
        visit[:4] = [750_000] * 4
    measured = ramp.measure_ramp(visits)
    assert measured.calls == 4
    assert measured.steady
    assert measured.plateau_ns == pytest.approx(1e6, rel=0.005)


def test_what_has_not_ended_is_not_steady():
    measured = ramp.measure_ramp([curve(400, 0.5, 200, seed=seed) for seed in range(3)])
    assert not measured.steady
    assert ramp.lead_in(measured) > 100


def test_a_single_peak_makes_no_ramp():
    visits = [curve(5, 0.5, 100, seed=seed) for seed in range(3)]
    visits[1][60] = visits[2][90] = 10**8
    assert ramp.measure_ramp(visits).calls <= 9


@given(st.lists(st.lists(st.integers(1, 10**10), min_size=1, max_size=40), min_size=1, max_size=4))
def test_any_calls_have_a_ramp_within_them(visits: list[list[int]]):
    measured = ramp.measure_ramp(visits)
    assert 0 <= measured.calls <= min(map(len, visits))
    assert (
        ramp.LEAST_LEAD_IN <= ramp.lead_in(measured) <= max(ramp.CAP_CALLS, 2.5e8 / measured.plateau_ns + 1)
    )


def test_no_calls_have_none():
    with pytest.raises(ValueError, match="needs calls"):
        ramp.measure_ramp([[]])


@given(st.integers(0, 5000))
def test_parts_cover_every_position_once(length: int):
    bounds = ramp.parts(length)
    assert bounds[0] == 0
    assert bounds[-1] == length
    assert bounds == sorted(set(bounds)) or length == 0


@pytest.mark.parametrize("call_s", [1e-7, 1e-4, 0.001, 0.0025, 0.005, 0.02, 0.3, 5.0])
def test_the_cap_is_a_hundred_calls_or_a_quarter_of_a_second(call_s: float):
    most = ramp.longest_lead_in(call_s)
    assert most >= 100 or most * call_s >= 0.25 - call_s or most == ramp.LEAST_LEAD_IN
    assert most == ramp.LEAST_LEAD_IN or most * call_s <= ramp.LONGEST_LEAD_IN_S
    assert 2 <= ramp.longer(2, 10, call_s) <= most


def test_what_is_left_of_a_ramp_is_seen_in_the_positions():
    rising = [curve(60, 0.2, 30, seed=seed) for seed in range(12)]
    rest = ramp.rest(rising)
    assert rest
    assert rest.ratio == pytest.approx(1.07, abs=0.02)
    assert ramp.unsteady(rest)
    assert not ramp.unsteady(ramp.rest([curve(0, 0.0, 30, seed=seed) for seed in range(12)]))
    slower = ramp.rest([calls[::-1] for calls in rising])
    assert ramp.unsteady(slower), "also where calls get slower"
    assert ramp.rest([[1, 2], [3]]) is None
    assert not ramp.unsteady(None)


# --- engines with a known curve, in real workers


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "ACCURACY_BASELINE", "fake-plausible")
    monkeypatch.setattr(evidence, "disturbances", lambda seen, *_: ())
    monkeypatch.setattr(evidence, "slowdowns", lambda speed, reference: ())


def measure(pool: Pool, *engines: str, budget_s: float = 60.0) -> Record:
    plan = Plan(
        engines, (16,), (1,), (1,), ("model",), budget_s, 50, precision=0.5, baseline="fake-sleep-1", seed=3
    )
    return protocol.run(pool, plan, ModelSource("embedded"))


@pytest.mark.usefixtures("fakes", "quiet")
def test_plateau_and_cold_call_of_a_known_curve_are_told(pool: Pool):
    rows = {row.engine: row for row in summarise(measure(pool, *RAMPS)).results}
    for name, fake in RAMPS.items():
        row = rows[name]
        assert row.median_ms == pytest.approx(1000 * fake.PLATEAU_S, rel=0.01), name
        assert row.switch_ms == pytest.approx(1000 * fake.PLATEAU_S * (1 + fake.HEIGHT), rel=0.05), name
        assert row.ramp.ratio == pytest.approx(1.0, abs=0.01), name
        assert row.facts["lead_in"]["steady"], name
    lead_in = {name: rows[name].facts["lead_in"]["calls"] for name in RAMPS}
    assert lead_in["fake-ramp-5"] < lead_in["fake-ramp-20"] < lead_in["fake-ramp-100"]
    assert rows["fake-ramp-5"].facts["lead_in"]["calls"] <= 10, "paid where it matters, not everywhere"


@pytest.mark.usefixtures("fakes", "quiet")
def test_an_engine_that_never_becomes_steady_is_said_to_be_so(pool: Pool):
    rows = {row.engine: row for row in summarise(measure(pool, "fake-never-steady")).results}
    row = rows["fake-never-steady"]
    assert row.verdict == "noisy"
    assert "It was not steady" in row.reasons[0]
    assert row.ramp.ci95[0] > 1.01
    assert not row.facts["lead_in"]["steady"]


@pytest.mark.usefixtures("fakes", "quiet")
def test_a_lead_in_that_was_too_short_is_lengthened_and_the_rounds_begin_anew(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
):
    """The ramp is measured wrongly at first, as in a disturbed moment."""
    monkeypatch.setattr(ramp, "lead_in", lambda measured: ramp.LEAST_LEAD_IN)
    record = measure(pool, "fake-ramp-20")
    cell = next(cell for cell in record.slices if cell.engine == "fake-ramp-20")
    first, *later = record.lead_ins[cell]
    assert first.calls == ramp.LEAST_LEAD_IN
    assert isinstance(later[0], LeadIn)
    assert later[0].from_round in (lead_ins.CHECKS[0] + 1, lead_ins.CHECKS[1] + 1)
    assert later[-1].calls > 18
    row = next(row for row in summarise(record).results if row.engine == "fake-ramp-20")
    assert row.median_ms == pytest.approx(1.0, rel=0.01)
    assert row.facts["lead_in"]["slices_before"] >= 6, "kept in the record"
    assert row.facts["rounds"] >= 20
    pooled = statistics.median(ns for slice in record.slices[cell][:6] for ns in slice.ns)
    assert pooled > 1.02e6, "what it would have said"


@pytest.mark.usefixtures("fakes", "quiet")
def test_a_lead_in_that_was_not_measured_is_found_in_the_rounds(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """There was no time for a single visit."""
    monkeypatch.setattr(lead_ins, "LEAD_INS_SHARE", 0.0)
    record = measure(pool, "fake-ramp-20")
    cell = next(cell for cell in record.slices if cell.engine == "fake-ramp-20")
    assert all(not lead_in.visits and lead_in.from_round > 1 for lead_in in record.lead_ins[cell])
    row = next(row for row in summarise(record).results if row.engine == "fake-ramp-20")
    assert row.median_ms == pytest.approx(1.0, rel=0.01)
    assert row.facts["lead_in"]["ramp_calls"] is None
    assert row.facts["rounds"] >= 20


@pytest.mark.usefixtures("fakes")
def test_a_sentence_begins_each_visit_with_a_lead_in(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "ACCURACY_BASELINE", "fake-plausible")
    answer = sentence.answer(pool, DEMO, ["fake-ramp-5", "fake-falls-steeply", "fake-sleep-1"], threads=1)
    rows = {row.engine: row for row in answer.engines}
    ramping = rows["fake-ramp-5"]
    assert ramping.model.median_ms == pytest.approx(1.0, rel=0.02)
    # What the tokenizer takes on this host, and takes longer after a switch, an engine without a ramp tells,
    # but for a host that is twice as fast at one moment as at another. With its ramp it would be 0.3 ms more.
    other = rows["fake-sleep-1"]
    tokenizer = other.pipeline.median_ms - other.model.median_ms
    cold = other.pipeline.switch_ms - other.pipeline.median_ms
    assert tokenizer > 0
    assert ramping.pipeline.median_ms == pytest.approx(ramping.model.median_ms + tokenizer, abs=0.15)
    height = ramp_fakes.Ramping.HEIGHT
    assert 0.9 * height < ramping.pipeline.switch_ms - ramping.pipeline.median_ms < height + 2 * cold + 0.2
    assert ramping.pipeline.steady
    assert ramping.model.steady
    assert not rows["fake-falls-steeply"].pipeline.steady
