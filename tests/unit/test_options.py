"""Engines that are asked to do otherwise than their row does: declared, named, given to the runtime, told."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from src import cpu
from src.bench.sentence_result import SentenceResult
from src.engines import onnxruntime, options, registry
from src.engines.options import Option
from src.engines.rows import BF16_FLAGS
from src.model import cache
from src.store import transfer
from src.ui import style
from tests.every_engine import MODEL, answered

FUSED = "onnxruntime-int8-fused"
MANY = f"{FUSED}~threads=1~spin=off~block=4~denormals=zero"
OPENVINO = "openvino-fp32~threads=1~denormals=zero~pinning=on~snippets=off"
BF16_REST = "openvino-int8~rest=bf16"
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
    assert made == replace(spec, id=made.id, title=made.title, options=((option.name, value),))
    assert made.title == f"{spec.title}, {option.name} {value}"
    assert transfer.ENGINE.fullmatch(made.id), "it can be in a file"
    assert style.marker(made) == style.marker(spec)
    assert style.colour(made) == style.colour(spec)
    assert registry.availability(made) == registry.engine_class(spec).availability(spec)


def test_one_configuration_has_one_id():
    made = registry.get(f"{FUSED}~denormals=zero~block=4~spin=off~threads=1")
    assert made.id == MANY
    assert registry.get(made.id) == made


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
        yield from answered([FUSED, MANY, f"{FUSED}~spin-us=200", f"{FUSED}~gelu=fast", OPENVINO, BF16_REST])

    @pytest.mark.parametrize("id", [MANY, f"{FUSED}~spin-us=200", f"{FUSED}~gelu=fast", OPENVINO])
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

    def test_bf16_is_taken_or_the_engine_fails(self, answer: SentenceResult):
        found = next((one for one in answer.engines if one.engine == BF16_REST), None)
        if cpu.flags() & set(BF16_FLAGS):
            assert found
            assert found.facts["inference_precision"] == "bf16"
        else:
            (failure,) = [one for one in answer.failures if one.engine == BF16_REST]
            assert "OpenVINO ignores the option rest (INFERENCE_PRECISION_HINT) here" in failure.reason

    def test_what_a_release_ignores_is_a_failure(self, monkeypatch: pytest.MonkeyPatch):
        unknown = Option("made-up", "session.no_such_key", {"on": "1"}, "off", "Nothing.")
        monkeypatch.setitem(options.OPTIONS, "onnxruntime", (unknown,))
        spec = registry.get(f"{FUSED}~made-up=on")
        folder = cache.required(str(spec.recipe), MODEL).folder
        with pytest.raises(RuntimeError, match=r"ignores the option made-up \(session.no_such_key\)"):
            onnxruntime.OnnxRuntimeEngine(spec).load(str(folder), 1)
