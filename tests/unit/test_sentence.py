"""One sentence through six real engines, and through faulty ones."""

import json
import logging
import math

import pytest

from src.bench import sentence, sentence_noise
from src.bench.visits import Visits
from src.engines import registry
from src.progress import Progress
from src.references import beside
from src.workers.pool import Pool
from tests.conftest import DEMO, SIX

pytestmark = pytest.mark.one_cpu


@pytest.fixture(scope="module")
def warm_pool() -> Pool:
    made = Pool()
    yield made
    made.close()


@pytest.fixture(scope="module")
def demo(warm_pool: Pool) -> sentence.SentenceResult:
    steps: list[Progress] = []
    answer = sentence.answer(warm_pool, DEMO, progress=steps.append)
    assert "load" in {step.stage for step in steps}, "what takes long is told"
    return answer


def test_all_six_answer_infinitys_demo(demo: sentence.SentenceResult):
    assert not demo.failures
    assert {row.engine for row in demo.engines} == set(SIX)
    assert demo.tokens == 16
    assert not demo.truncated
    assert demo.text == DEMO
    assert all(row.label == "positive" and row.agrees for row in demo.engines)


def test_fp32_engines_agree_within_a_thousandth(demo: sentence.SentenceResult):
    probabilities = [row.probability for row in demo.engines if row.engine.endswith("fp32")]
    assert len(probabilities) == 3
    assert max(probabilities) - min(probabilities) < 1e-3
    assert all(probability > 0.9 for probability in probabilities)


def test_each_latency_has_its_interval_and_count(demo: sentence.SentenceResult):
    for row in demo.engines:
        for latency in (row.model, row.pipeline):
            low, high = latency.ci95_ms
            assert 0 < low <= latency.median_ms * 1.5
            assert low <= high
            assert math.isfinite(latency.median_ms)
            assert latency.rounds == 6
            assert latency.samples >= 12


def test_the_json_is_the_contract(demo: sentence.SentenceResult):
    found = json.loads(json.dumps(demo.to_json()))
    assert {"text", "tokens", "truncated", "model", "host", "engines", "failures"} <= found.keys()
    row = found["engines"][0]
    assert {"engine", "label", "probability", "logits", "agrees", "model", "pipeline"} <= row.keys()
    assert {"median_ms", "ci95_ms", "samples"} <= row["model"].keys()
    assert len(row["logits"]) == 2


def test_facts_come_from_what_ran(demo: sentence.SentenceResult):
    facts = {row.engine: row.facts for row in demo.engines}
    assert facts["pytorch-fp32"]["attention"] == "sdpa"
    assert facts["pytorch-fp32"]["weights"] == {"float32": 105}
    assert facts["torchscript-int8"]["quantised_linears"] == 38
    assert facts["torchscript-int8"]["linears"] == 0
    assert facts["torchscript-fp32"]["quantised_linears"] == 0
    for row in demo.engines:
        assert row.facts["threads"] == demo.threads
        assert len(row.facts["cpus"]) == demo.threads
        # Transformers imports scikit-learn, which brings an OpenMP runtime of its own and does not use it.
        assert len(row.facts["openmp"]) <= (2 if row.engine == "pytorch-fp32" else 1)


def test_artifacts_hold_what_their_names_say(demo: sentence.SentenceResult):
    from src.model import cache, recipe, source

    def facts(name: str) -> dict:
        found = cache.find(recipe.find(f"src.model.onnx_files:{name}"), source.parse())
        assert found
        return found.manifest["facts"]

    for name in ("fused", "fused_fp16"):
        operators = facts(name)["operators"]
        assert (operators["Attention"], operators["BiasGelu"], operators["SkipLayerNormalization"]) == (
            6,
            6,
            12,
        )
    assert "Attention" not in facts("exported")["operators"]
    assert facts("fused_fp16")["initialisers"].get("FLOAT", 0) == 0
    assert facts("fused_fp16")["initialisers"]["FLOAT16"] > 50
    assert facts("int8")["operators"]["MatMulInteger"] >= 36
    kinds = facts("int8")["initialisers"]  # S8 or U8 weights, as this host's instructions want them
    assert max(kinds.get("INT8", 0), kinds.get("UINT8", 0)) >= 36
    assert facts("int8")["configuration"] in ("avx2", "avx512", "avx512_vnni", "arm64")


def test_infinity_stands_beside_the_pipeline_only(demo: sentence.SentenceResult):
    stored = {one.reference.id: one.to_json() for one in beside(demo)}
    own, other = stored["infinity-cpu-16"], stored["infinity-cpu-128"]
    assert own["value"] == 2.6
    assert own["comparisons"]["pipeline"]["comparable"]
    assert own["comparisons"]["pipeline"]["caveats"]
    assert not own["comparisons"]["model"]["comparable"]
    assert not other["comparisons"]["pipeline"]["comparable"]
    for row in demo.engines:
        assert own["ratios"][row.engine]["pipeline"] == row.pipeline.median_ms / 2.6
        assert own["ratios"][row.engine]["model"] is None
        assert other["ratios"][row.engine]["pipeline"] is None


ONE = ["onnxruntime-fp32"]


@pytest.mark.parametrize(
    "text",
    [
        "😀 👩‍👩‍👧‍👦 great 🎬",
        "فيلم رائع جدا",
        "‮right to left override",
        "a\x00b\x07c\x1b[31m film",
        "<script>alert(1)</script> **bold** [link](http://example.org) $x^2$",
        "\ud800 lone surrogate",
        "x" * 10_000,
    ],
    ids=["emoji", "arabic", "override", "control", "markup", "surrogate", "long"],
)
def test_odd_text_gets_an_answer(warm_pool: Pool, text: str):
    answer = sentence.answer(warm_pool, text, ONE)
    assert not answer.failures
    assert answer.tokens >= 3
    json.dumps(answer.to_json(), ensure_ascii=False).encode()


@pytest.mark.parametrize("text", ["", "   ", "\n\t\x00", "\u200b\u200b"])
def test_nothing_to_measure_says_so(warm_pool: Pool, text: str):
    with pytest.raises(sentence.BadSentence, match="nothing to measure"):
        sentence.answer(warm_pool, text, ONE)


def test_too_long_a_text_says_how_long_it_may_be(warm_pool: Pool):
    with pytest.raises(sentence.BadSentence, match="10,000"):
        sentence.answer(warm_pool, "x" * 10_001, ONE)


def test_more_than_512_tokens_are_cut_and_said_so(warm_pool: Pool):
    answer = sentence.answer(warm_pool, "good film " * 400, ONE)
    assert answer.tokens == 512
    assert answer.truncated


def test_a_negative_sentence_is_negative(warm_pool: Pool):
    answer = sentence.answer(warm_pool, "A dull, lifeless film that wastes its cast.", ONE)
    assert answer.engines[0].label == "negative"
    assert answer.engines[0].probability < 0.1
    assert answer.engines[0].agrees is True, "the baseline answers though it was not asked for"
    assert [row.engine for row in answer.engines] == ONE


def test_unknown_unavailable_and_null_are_told_apart(warm_pool: Pool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWIY_ENGINES")
    with pytest.raises(registry.UnknownEngine):
        sentence.answer(warm_pool, DEMO, ["nonsense"])
    with pytest.raises(sentence.BadSentence, match="benchmarks only"):
        sentence.answer(warm_pool, DEMO, ["null"])
    answer = sentence.answer(warm_pool, DEMO, [*ONE, "torchscript-cuda-fp32"])
    assert [failure.engine for failure in answer.failures] == ["torchscript-cuda-fp32"]
    assert "NVIDIA" in answer.failures[0].reason


@pytest.mark.parametrize(
    ("threads", "words"), [(1000, "Ask for fewer"), (0, "at least one"), (-1, "at least one")]
)
def test_an_impossible_number_of_threads_is_refused(warm_pool: Pool, threads: int, words: str):
    with pytest.raises(sentence.BadSentence, match=words):
        sentence.answer(warm_pool, DEMO, ONE, threads=threads)


def test_asking_for_no_engine_is_refused(warm_pool: Pool):
    with pytest.raises(sentence.BadSentence, match="No engine was asked for"):
        sentence.answer(warm_pool, DEMO, [])


def test_a_warm_sentence_spends_little_outside_calls(warm_pool: Pool, demo: sentence.SentenceResult, caplog):
    """At most 300 ms of 3 s on a quiet host; half of the whole is what a busy test host must keep."""
    with caplog.at_level(logging.DEBUG, "src.bench.sentence"):
        sentence.answer(warm_pool, DEMO)
    message, arguments = next(
        (record.msg, record.args) for record in caplog.records if "answered" in record.msg
    )
    total_s, cold, outside_ms = arguments
    assert cold == 0, message
    assert outside_ms / 1000 < total_s / 2


def test_a_worker_that_dies_does_not_look_like_a_busy_neighbour():
    before = sentence_noise.CpuUse(total=100.0, steal=0.0, own=50.0)
    after = sentence_noise.CpuUse(total=104.0, steal=0.0, own=53.9)
    assert not sentence_noise.judge_noise(before, after, 2.0).noisy
    assert sentence_noise.judge_noise(before, after._replace(own=51.0), 2.0).others_cores == 1.5
    assert not sentence_noise.judge_noise(before, after._replace(own=51.0), 0.001).noisy, "too short to tell"


@pytest.mark.usefixtures("fakes")
def test_a_crash_in_the_rounds_is_not_noise(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """A worker killed in the rounds takes its CPU seconds with it; they are not somebody else's."""
    visit_all = Visits.rounds

    def kill_first(self, ids, ramps):
        self.sitting.workers["fake-plausible"].process.kill()
        return visit_all(self, ids, ramps)

    monkeypatch.setattr(Visits, "rounds", kill_first)
    answer = sentence.answer(pool, DEMO, ["fake-plausible", *ONE])
    assert [failure.engine for failure in answer.failures] == ["fake-plausible"]
    assert answer.noise.others_cores < 1.5


@pytest.mark.usefixtures("fakes")
def test_faulty_engines_fail_and_the_others_go_on(pool: Pool):
    crashing = {"fake-crash", "fake-nan", "fake-crash-load", "fake-crash-warm-up"}
    names = [*crashing, "fake-negative", "fake-talkative"]
    answer = sentence.answer(pool, DEMO, [*names, *ONE])
    assert {failure.engine for failure in answer.failures} == crashing
    rows = {row.engine: row for row in answer.engines}
    assert rows.keys() == {"fake-negative", "fake-talkative", *ONE}
    assert rows["fake-negative"].agrees is False
    assert rows["fake-negative"].max_abs_delta_logit > 1
    assert rows["onnxruntime-fp32"].agrees is True


@pytest.mark.usefixtures("fakes")
def test_a_known_sleep_is_recovered(pool: Pool):
    """20 ms of sleep, found again: the timer encloses the call and nothing else."""
    row = sentence.answer(pool, DEMO, ["fake-long-sleeping"]).engines[0]
    assert 20.0 <= row.model.median_ms < 21.5
    assert 20.0 <= row.pipeline.median_ms < 22.5


def test_a_busy_neighbour_is_named(warm_pool: Pool):
    import subprocess
    import sys

    neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        answer = sentence.answer(warm_pool, DEMO, ONE)
    finally:
        neighbour.kill()
        neighbour.wait()
    assert answer.noise.noisy
    assert "Other processes used" in answer.noise.reason
