"""Hot loops as real processes: their figures, and that they run only when no worker does."""

import os
import subprocess
import sys
from typing import Any

import psutil
import pytest

from src.doctor import fidelity, fidelity_sentences, hot_loops
from src.doctor.fidelity import Settings
from src.doctor.hot_loops import HotFigure, HotLoops
from src.model import cache, source
from tests.conftest import DEMO, ROOT, gone_within

pytestmark = pytest.mark.measuring


@pytest.fixture(scope="module")
def model() -> source.ModelSource:
    embedded = source.parse()
    hot_loops.build(("onnxruntime-fp32",), embedded, lambda _: None)
    return embedded


def test_a_hot_loop_has_figures_and_the_label_and_is_stopped_otherwise(model: source.ModelSource):
    id = "onnxruntime-fp32"
    loops = HotLoops(model, 1, seconds=0.05, settle_s=0.0, warm_up_s=0.0)
    try:
        loops.load((id,), {16: (DEMO,)}, ("model", "pipeline"))
        loop = loops.running[id]
        assert loop.label == cache.required(hot_loops.CHECKPOINT, model).manifest["facts"]["positive_index"]
        for scope in ("model", "pipeline", "model"):
            figure, _ = loops.attempt(id, 16, scope)
            assert 0.05 < figure.p05_ms <= figure.median_ms < 1000
            assert figure.calls >= 20
            assert psutil.Process(loop.process.pid).status() == psutil.STATUS_STOPPED
        with pytest.raises(hot_loops.LoopFailed, match="exit code 1: KeyError"):
            loops.visit(id, 17, "model")
        with pytest.raises(hot_loops.LoopFailed, match="KeyError"):
            loops.visit(id, 16, "model")  # its process is gone
        loops.load((id,), {17: (DEMO,)}, ("model",))
        assert "texts of 17 tokens were promised" in loops.failures[id]
    finally:
        loops.close()


def test_hot_loops_end_with_their_parent(model: source.ModelSource):
    code = (
        "import os\nfrom src.doctor.hot_loops import HotLoops\nfrom src.model import source\n"
        "loops = HotLoops(source.parse(), 1, warm_up_s=0.0)\n"
        f"loops.load(('onnxruntime-fp32',), {{16: ({DEMO!r},)}}, ('model',))\n"
        "print(loops.running['onnxruntime-fp32'].process.pid, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert gone_within([int(ended.stdout)], 5.0), "though it was stopped"


def test_a_loop_that_stays_disturbed_has_no_figure(
    model: source.ModelSource, monkeypatch: pytest.MonkeyPatch
):
    loops = HotLoops(model, 1)
    tries: list[object] = []
    monkeypatch.setattr(loops, "attempt", lambda *cell: (tries.append(cell), {"slowed"}))
    reasons: dict[Any, str] = {}
    assert loops.visit_ms(("e", 16, "model"), reasons) is None
    loops.close()
    assert len(tries) == 3
    assert "stayed disturbed (slowed)" in reasons["e", 16, "model"]


def test_a_plan_and_its_hot_loops_make_observations(
    model: source.ModelSource, monkeypatch: pytest.MonkeyPatch
):
    """Disturbed or not: what is missing has its reason. No worker runs beside a hot loop."""
    monkeypatch.setattr(fidelity, "ROUNDS", 6)
    states: set[str] = set()
    attempt = HotLoops.attempt

    def watching(loops: HotLoops, *cell: Any) -> tuple[HotFigure, set[str]]:
        children = psutil.Process(os.getpid()).children()
        states.update(child.status() for child in children if "src.workers.worker" in child.cmdline())
        return attempt(loops, *cell)

    monkeypatch.setattr(HotLoops, "attempt", watching)
    texts: list[str] = []
    small = Settings(("onnxruntime-fp32",), lengths=(16,), sizes=(1,), pairs=1, seconds=0.1)
    (pair,) = fidelity.plans(small, model, texts.append)
    assert (pair.engine, pair.sequence_length, pair.scope) == ("onnxruntime-fp32", 16, "model")
    assert pair.ratio or pair.reason
    assert len(pair.turns) <= small.visits
    assert states == {psutil.STATUS_STOPPED}
    assert any("Pair 1 of 1" in text for text in texts)


def test_a_sentence_and_its_hot_loops_make_observations(model: source.ModelSource):
    small = Settings(("onnxruntime-fp32",), pairs=1, seconds=0.1)
    (pair,) = fidelity_sentences.sentences(small, model, lambda _: None, DEMO)
    assert (pair.sequence_length, pair.scope) == (16, "pipeline")
    assert pair.ratio or pair.reason
    assert len(pair.turns) <= small.visits
