"""What every engine of the main environment must answer and tell, asked of some of them in one sentence."""

from collections.abc import Iterator

import numpy as np
import pytest

from src import cpu
from src.accuracy import known_accuracy
from src.bench import sentence
from src.bench.sentence_result import EngineResult, SentenceResult
from src.engines import registry
from src.engines.rows_portable import PORTABLE
from src.model import cache
from src.model.source import ModelSource
from src.workers.pool import Pool
from tests.conftest import DEMO

MODEL = ModelSource("embedded")
MAIN = [
    spec.id
    for spec in registry.ENGINES
    if spec.environment == "main"
    and spec.device == "cpu"
    and spec.answers
    and "onednn" not in spec.id
    and spec not in PORTABLE  # the environment 2021 makes their files: see test_isolated
]
COMPILED = [id for id in MAIN if id.startswith(("openvino", "ctranslate2", "torch-compile"))]
PLAIN = [id for id in MAIN if id not in COMPILED]


# Whether they answer as those whose accuracy is stored is not looked at here: OpenVINO compiles for each of
# the 36 lengths of those sentences. One of its rows is looked at; the three share the code.
NOT_CONFIRMED = ("openvino-fp32", "openvino-bf16")


def answered(ids: list[str]) -> Iterator[SentenceResult]:
    """One sentence through these engines and the baseline, in one sitting."""
    confirm = known_accuracy.confirm
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWIY_ENGINES")
        patch.setattr(
            known_accuracy,
            "confirm",
            lambda found, *rest: None if found.engine in NOT_CONFIRMED else confirm(found, *rest),
        )
        pool = Pool()
        yield sentence.answer(pool, DEMO, list(dict.fromkeys([registry.ACCURACY_BASELINE, *ids])), MODEL)
        pool.close()


def row(answer: SentenceResult, id: str) -> EngineResult:
    spec = registry.get(id)
    if spec.cpu_flags and not cpu.flags() & set(spec.cpu_flags):
        pytest.skip(f"this CPU has none of {', '.join(spec.cpu_flags)}")
    found = [one for one in answer.engines if one.engine == id]
    assert found, [one for one in answer.failures if one.engine == id]
    return found[0]


def built(id: str) -> dict:
    name = registry.get(id).recipe
    assert name
    return cache.required(name, MODEL).manifest["facts"]


def check_answer(answer: SentenceResult, id: str):
    found = row(answer, id)
    assert found.label == "positive"
    assert found.agrees
    assert np.isfinite(found.logits).all()
    assert found.model.samples >= 12
    baseline = row(answer, registry.ACCURACY_BASELINE)
    if found.engine.endswith("fp32"):
        assert abs(found.probability - baseline.probability) < 1e-3
        assert found.max_abs_delta_logit is not None
        assert found.max_abs_delta_logit < 1e-3


def check_facts(answer: SentenceResult, id: str):
    facts = row(answer, id).facts
    assert facts["threads"] == answer.threads
    assert any(facts.get(name) for name in ("torch", "onnxruntime", "openvino", "ctranslate2"))
    assert all(len(entry["sha256"]) == 64 for entry in facts["built"]["files"].values())
    assert facts["flushes_denormals"] is False


def check_calibration(id: str) -> None:
    """Assert that an engine's artifact was calibrated with sentences of the project, which its key hashes."""
    calibration = built(id)["calibration"]
    assert calibration["sentences"] == 128
    assert calibration["file"] == "sentences.csv"
    assert len(calibration["sha256"]) == 64
