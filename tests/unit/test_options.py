"""Engines that are asked to do otherwise than their row does: declared, named, given to the runtime, told."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from src import cpu
from src.bench import plan
from src.bench.events import TWIN
from src.bench.sentence_result import SentenceResult
from src.engines import onnxruntime, options, registry
from src.engines.options import Option
from src.engines.rows import BF16_FLAGS
from src.figures import report
from src.figures.results import summarise
from src.model import ModelError, cache, onnx_variant_files, recipe
from src.store import ort_csv, transfer
from src.ui import style
from tests.every_engine import MODEL, answered
from tests.unit.test_results import BASELINE, made

FUSED = "onnxruntime-int8-fused"
MANY = f"{FUSED}~threads=1~denormals=zero"
SHARED = (f"{FUSED}~spin=off~block=4", f"{FUSED}~spin-us=200")
OTHER_FILE = f"{FUSED}~weights=u8~keep=head"
OPENVINO = "openvino-fp32~threads=1~denormals=zero~pinning=on~snippets=off"
PLAIN = "openvino-int8"
CTRANSLATE2 = "ctranslate2-int8~threads=1"
VARIANTS = ("openvino-int8~activations=symmetric", "openvino-int8~smooth=off")
COMPUTES = (
    "ctranslate2-int8~compute=bf16",
    "ctranslate2-fp32~compute=bf16",
    "ctranslate2-fp32~compute=int16",
)
BF16_REST = f"{PLAIN}~rest=bf16"
ALL = [
    (spec, option, value)
    for spec in registry.ENGINES
    for option in options.of_row(spec)
    for value in option.values
]


@pytest.mark.parametrize(("spec", "option", "value"), ALL)
def test_each_value_makes_an_engine_of_its_own_that_looks_like_its_row(
    spec: registry.EngineSpec, option: Option, value: str
):
    made = registry.get(f"{spec.id}~{option.name}={value}")
    recipe = f"{option.recipe}~{option.name}={value}" if option.recipe else spec.recipe
    packages = (*spec.packages, *option.packages)
    chosen = ((option.name, value),)
    other = replace(spec, id=made.id, title=made.title, options=chosen, recipe=recipe, packages=packages)
    assert made == other
    assert made.title == f"{spec.title}, {option.name} {value}"
    assert transfer.ENGINE.fullmatch(made.id), "it can be in a file"
    assert style.marker(made) == style.marker(spec)
    assert style.colour(made) == style.colour(spec)
    assert registry.availability(made) == registry.availability(spec)


def test_choices_of_one_file_make_one_artifact_beside_the_usual_one():
    made = registry.get(f"{FUSED}~keep=head~spin=off~weights=u8")
    assert made.recipe == registry.get(f"{FUSED}~weights=u8~keep=head").recipe
    assert registry.get(f"{FUSED}~spin=off").recipe == registry.get(FUSED).recipe
    keys = {
        recipe.key(recipe.find(name), MODEL) for name in (made.recipe, registry.get(FUSED).recipe) if name
    }
    assert len(keys) == 2
    with pytest.raises(registry.UnknownEngine, match="is no option of onnxruntime-int8"):
        registry.get("onnxruntime-int8~keep=head")


def test_a_range_that_is_full_already_is_no_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(onnx_variant_files, "cpu_flags", lambda: ("avx512f", "avx512_vnni"))
    full = recipe.find(str(registry.get(f"{FUSED}~range=full").recipe))
    with pytest.raises(ModelError, match="full range on this CPU already"):
        full.build(MODEL, tmp_path, {})


def test_attention_or_both_ends_can_stay_as_they_are(tmp_path: Path):
    def node(kind: str, *inputs: str) -> onnx.NodeProto:
        return onnx.helper.make_node(kind, inputs, [f"of {kind} {inputs[0]}"], name=f"{kind} {inputs[0]}")

    nodes = [
        node("Gather", "table", "ids"),
        node("Attention", "x"),
        node("Gather", "shape"),
        node("Gemm", "y"),
    ]
    table = onnx.helper.make_tensor("table", onnx.TensorProto.FLOAT, [2, 2], [0.0] * 4)
    shape = onnx.helper.make_tensor("shape", onnx.TensorProto.INT64, [2], [1, 2])
    graph = onnx.helper.make_graph(nodes, "graph", [], [], [table, shape])
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
    kept = {keep: onnx_variant_files.left_in_fp32(path, keep) for keep in ("head", "ends", "attention")}
    assert kept == {
        "head": ["Gemm y_MatMul"],
        "ends": ["Gather table", "Gemm y_MatMul"],
        "attention": ["Attention x"],
    }


def test_one_configuration_has_one_id():
    made = registry.get(f"{FUSED}~denormals=zero~threads=1")
    assert made.id == MANY
    assert registry.get(made.id) == made


@pytest.mark.parametrize("row", list(dict.fromkeys(spec.id for spec, *_ in ALL)))
def test_all_options_together_fit_into_a_file_or_are_refused(row: str):
    words = [f"{option.name}={next(iter(option.values))}" for option in options.of_row(registry.get(row))]
    id = "~".join([row, *words])
    if transfer.ENGINE.fullmatch(id):
        assert registry.get(id).id == id
    else:
        with pytest.raises(registry.UnknownEngine, match="Ask for fewer options"):
            registry.get(id)


def test_a_plan_has_one_id_of_one_configuration(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWIY_ENGINES")
    ids = (MANY, f"{FUSED}~denormals=zero~threads=1")
    accepted, _ = plan.accept(replace(plan.preset("quick"), engines=ids))
    assert accepted.engines == (registry.BASELINE, MANY)


def test_another_provider_of_the_runtime_has_other_options():
    for id in ("onnxruntime-openvino-fp32", "onnxruntime-onednn-fp32", "onnxruntime-cuda-fp32"):
        assert options.of_row(registry.get(id)) == ()


def test_a_csv_of_ours_is_read_with_its_engines():
    run = summarise(made({BASELINE: 2.0, BASELINE + TWIN: 2.0, MANY: 1.0}))
    read = ort_csv.parse(report.to_csv(run).encode(), "run.csv")
    assert {row.engine for row in read.results} == {BASELINE, MANY}


def test_what_is_not_offered_is_not_offered_with_options(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWIY_ENGINES", "onnxruntime-int8")
    missing = registry.availability(registry.get(MANY))
    assert missing
    assert missing.reason == "It is not offered here."


def test_of_a_release_too():
    made = registry.get("onnxruntime-int8@1.24.4~spin=off")
    assert made.environment == "onnxruntime@1.24.4"
    assert made.options == (("spin", "off"),)


@pytest.mark.parametrize(
    ("id", "words"),
    [
        (f"{FUSED}~spin", "Choose of threads=1; spin=off; spin-us=50 or 200 or 1000"),
        (f"{FUSED}~spin=on", "“spin=on” is no option"),
        (f"{FUSED}~spin=off~spin=off", "each once"),
        ("openvino-fp32~rest=bf16", "“rest=bf16” is no option of openvino-fp32"),
        ("pytorch-fp32~threads=1", "It has none."),
        ("nothing~threads=1", "Unknown engine “nothing”"),
    ],
)
def test_what_is_no_option_is_refused_with_those_there_are(id: str, words: str):
    with pytest.raises(registry.UnknownEngine, match=re.escape(words)):
        registry.get(id)


def test_a_key_that_a_library_does_not_have_is_seen(tmp_path: Path):
    path = tmp_path / "library.so"
    path.write_bytes(bytes(range(256)) * 5000 + b"session.dynamic_block_base\0" + b"\xff" * 9)
    assert options.has_text(str(path), "session.dynamic_block_base")
    assert not options.has_text(str(path), "session.spin_duration")


@pytest.mark.one_cpu
class TestForReal:
    @pytest.fixture(scope="class")
    def answer(self) -> Iterator[SentenceResult]:
        yield from answered(
            [
                FUSED,
                MANY,
                f"{FUSED}~gelu=fast",
                OTHER_FILE,
                OPENVINO,
                PLAIN,
                BF16_REST,
                CTRANSLATE2,
                *COMPUTES,
                *VARIANTS,
            ]
        )

    @pytest.mark.parametrize("id", [MANY, f"{FUSED}~gelu=fast", OTHER_FILE, OPENVINO, CTRANSLATE2, *VARIANTS])
    def test_it_answers_and_tells_what_it_was_asked(self, answer: SentenceResult, id: str):
        found = next(one for one in answer.engines if one.engine == id)
        assert found.label == "positive"
        assert found.facts["options"] == dict(registry.get(id).options)
        assert found.facts["threads"] == (1 if "threads=1" in id else answer.threads)

    def test_what_changes_no_arithmetic_answers_the_same(self, answer: SentenceResult):
        logits = {one.engine: one.logits for one in answer.engines}
        assert logits[MANY] == pytest.approx(logits[FUSED], abs=1e-4)
        assert logits[f"{FUSED}~gelu=fast"] != logits[FUSED], "the approximation is one"
        assert "options" not in next(one for one in answer.engines if one.engine == FUSED).facts

    def test_a_choice_of_the_file_is_in_the_file(self, answer: SentenceResult):
        facts = {one.engine: one.facts["built"]["facts"] for one in answer.engines if FUSED in one.engine}
        usual, other = facts[FUSED], facts[OTHER_FILE]
        assert other["kept"] == ["/bert/pooler/dense/Gemm_MatMul", "/classifier/Gemm_MatMul"]
        assert (usual["operators"]["MatMulInteger"], other["operators"]["MatMulInteger"]) == (20, 18)
        assert other["operators"]["MatMul"] == 2
        assert other["operators"]["QAttention"] == 6
        assert usual["initialisers"]["INT8"] > 20
        assert "INT8" not in other["initialisers"]
        assert other["initialisers"]["UINT8"] > 20

    def test_what_nncf_is_told_makes_another_file_that_answers_nearly_the_same(self, answer: SentenceResult):
        usual, symmetric, rough = (
            next(one for one in answer.engines if one.engine == id) for id in (PLAIN, *VARIANTS)
        )
        assert [one.facts["built"]["facts"].get("smoothed") for one in (symmetric, rough)] == [True, False]
        for other in (symmetric, rough):
            assert other.logits != usual.logits
            assert other.logits == pytest.approx(usual.logits, abs=0.5)

    def test_bf16_is_taken_or_the_engine_fails(self, answer: SentenceResult):
        """Taken by a CPU that has it, and by kernels that make do with AVX-512."""
        found = next((one for one in answer.engines if one.engine == BF16_REST), None)
        if cpu.flags() & {*BF16_FLAGS, "avx512f"}:
            assert found
            assert found.facts["inference_precision"] == "bf16"
            (other,) = [one for one in answer.engines if one.engine == PLAIN]
            assert found.logits != other.logits, "so it was computed with"
            assert found.label == other.label
        else:
            (failure,) = [one for one in answer.failures if one.engine == BF16_REST]
            assert "OpenVINO ignores the option rest (INFERENCE_PRECISION_HINT) here" in failure.reason

    @pytest.mark.parametrize("id", COMPUTES)
    def test_a_type_is_computed_with_or_the_engine_fails(self, answer: SentenceResult, id: str):
        found = next((one for one in answer.engines if one.engine == id), None)
        ((_, asked),) = options.given(registry.get(id))
        if found:
            assert found.facts["compute_type"] == asked
            assert found.label == "positive"
        else:
            (failure,) = [one for one in answer.failures if one.engine == id]
            assert f"Requested {asked} compute type" in failure.reason

    def test_a_type_that_is_not_taken_is_a_failure(self, monkeypatch: pytest.MonkeyPatch):
        def other(*arguments: object, **asked: object) -> SimpleNamespace:
            return SimpleNamespace(compute_type="int8_float32")

        monkeypatch.setattr("ctranslate2.Encoder", other)
        spec = registry.get("ctranslate2-fp32~compute=int16")
        with pytest.raises(RuntimeError, match="takes int8_float32 for int16 here"):
            registry.engine_class(spec)(spec).load("", 1)

    def test_options_of_threads_that_share_work_are_given_to_two_and_refused_by_one(self):
        ids = np.array([[101, 2023, 2003, 2307, 102]], dtype=np.int64)
        answers = []
        for id in (FUSED, *SHARED):
            spec = registry.get(id)
            engine = onnxruntime.OnnxRuntimeEngine(spec)
            folder = str(cache.required(str(spec.recipe), MODEL).folder)
            engine.load(folder, 2)
            answers.append(engine.infer(ids, np.ones_like(ids), np.zeros_like(ids)))
            assert engine.facts().get("options", {}) == dict(spec.options)
            if spec.options:
                with pytest.raises(RuntimeError, match="With one thread the option spin"):
                    engine.load(folder, 1)
        assert np.ptp(answers, axis=0).max() < 1e-4

    def test_what_a_release_ignores_is_a_failure(self, monkeypatch: pytest.MonkeyPatch):
        unknown = Option("made-up", "session.no_such_key", {"on": "1"}, "off", "Nothing.")
        monkeypatch.setitem(options.OPTIONS, registry.get(FUSED).implementation, (unknown,))
        spec = registry.get(f"{FUSED}~made-up=on")
        folder = cache.required(str(spec.recipe), MODEL).folder
        with pytest.raises(RuntimeError, match=r"ignores the option made-up \(session.no_such_key\)"):
            onnxruntime.OnnxRuntimeEngine(spec).load(str(folder), 1)
