"""A worker's own continuous calls beside its slices: no other process is started for them."""

import pytest

from src.bench import sentence
from src.bench.sentence_result import SentenceNoise
from src.doctor import fidelity, fidelity_sentences, hot_loops
from src.doctor.fidelity import Settings
from src.doctor.hot_loops import HotLoops
from src.host import evidence
from src.model import source
from tests.conftest import DEMO

pytestmark = pytest.mark.one_cpu


@pytest.fixture
def model() -> source.ModelSource:
    return source.parse()


@pytest.fixture
def within(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A fake engine whose worker is its own loop: no other process may be started for one."""
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.fakes:ENGINES")
    monkeypatch.setattr(HotLoops, "load", lambda *_: pytest.fail("a hot loop was loaded"))
    monkeypatch.setattr(hot_loops, "disturbances", lambda *_: set())
    monkeypatch.setattr(hot_loops, "slowdowns", lambda *_: ())
    monkeypatch.setattr(evidence, "disturbances", lambda *_: ())
    monkeypatch.setattr(evidence, "slowdowns", lambda *_: ())
    for module in (fidelity, fidelity_sentences):
        monkeypatch.setattr(module, "accept", lambda _: None)
        monkeypatch.setattr(module, "build", lambda *_: None)
    return Settings(("fake-sleep-5",), lengths=(16,), sizes=(1,), pairs=1, seconds=0.2, within=True)


def test_a_workers_own_continuous_calls_stand_in_for_hot_loops(
    within: Settings, model: source.ModelSource, monkeypatch: pytest.MonkeyPatch
):
    """A call in a slice takes as long as one of the same process that goes on."""
    monkeypatch.setattr(fidelity, "ROUNDS", 6)
    monkeypatch.setattr(fidelity, "judge", lambda *_: ("valid", []))
    (pair,) = fidelity.plans(within, model, lambda _: None)
    assert len(pair.turns) == within.visits, pair.reason
    assert pair.worker_ms == pytest.approx(5.1, abs=0.2)
    assert pair.ratio == pytest.approx(1.0, abs=0.02)


def test_and_for_those_of_a_sentence(
    within: Settings, model: source.ModelSource, monkeypatch: pytest.MonkeyPatch
):
    quiet = SentenceNoise(0.0, 0.0, False, "")
    monkeypatch.setattr(sentence, "judge_noise", lambda *_: quiet)
    (pair,) = fidelity_sentences.sentences(within, model, lambda _: None, DEMO)
    assert len(pair.turns) == within.visits, pair.reason
    assert pair.ratio == pytest.approx(1.0, abs=0.03)
