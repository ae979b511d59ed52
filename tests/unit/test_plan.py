"""Plans: what is refused before anything runs, and what the presets are."""

import math
from dataclasses import replace

import pytest

from src.bench import plan
from src.bench.plan import BadPlan, Case, Plan
from src.engines import registry
from src.host import machine
from src.stats import FEWEST_SAMPLES
from tests.conftest import SIX

GOOD = Plan(("onnxruntime-int8",), (16,), (1,), (1,), ("model",), 60.0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sequence_lengths": (513,)}, "sequence length of 513 was asked for; from 8 to 512"),
        ({"sequence_lengths": (2,)}, "sequence length of 2"),
        ({"sequence_lengths": ()}, "No sequence length"),
        ({"batch_sizes": (0,)}, "batch size of 0"),
        ({"threads": (10_000,)}, "from 1 to CPUS is possible here"),
        ({"scopes": ("model", "network")}, "Ask for model or pipeline"),
        ({"scopes": ()}, "Ask for model or pipeline"),
        ({"budget_s": 1.0}, "Give at least 10 s"),
        ({"budget_s": math.nan}, "Give at least 10 s"),
        ({"percentile": 97}, "Percentile 97"),
        ({"precision": 0.0}, "precision of 0"),
        ({"pace_s": -1.0}, "pause of -1"),
        ({"pace_s": 1.0, "percentile": 99}, "The pauses alone would take"),
        ({"engines": ()}, "No engine"),
        ({"engines": ("openvino-fp32",), "baseline": "openvino-int8"}, "None of the engines"),
    ],
)
def test_impossible_plans_are_refused_with_the_reason(changes: dict[str, object], reason: str):
    reason = reason.replace("CPUS", str(machine.usable_cpus()))  # asked now: tests may have one CPU each
    with pytest.raises(BadPlan, match=reason.replace("(", r"\(")):
        plan.accept(replace(GOOD, **changes))  # type: ignore[arg-type]


def test_an_unknown_engine_is_refused():
    with pytest.raises(registry.UnknownEngine):
        plan.accept(replace(GOOD, engines=("onnxruntime-int4",)))


def test_the_baseline_always_takes_part_and_missing_engines_are_rows():
    accepted, missing = plan.accept(
        replace(GOOD, engines=("onnxruntime-int8", "openvino-fp32", "onnxruntime-int8"))
    )
    assert accepted.engines == ("onnxruntime-fp32", "onnxruntime-int8")
    assert [id for id, _ in missing] == ["openvino-fp32"]


def test_presets_are_possible_here():
    for name in plan.PRESETS:
        accepted, missing = plan.accept(plan.preset(name))
        assert {"null", plan.Plan.baseline} < set(accepted.engines) <= {*SIX, "null"}
        assert not missing
    assert set(plan.preset("full").engines) == {*SIX, "null"}, "all that are offered"
    quick, writeup, full = (plan.preset(name) for name in ("quick", "writeup", "full"))
    assert (quick.sequence_lengths, quick.scopes, quick.percentile) == ((16, 128), ("model",), 90)
    assert quick.budget_s < 60
    assert (writeup.batch_sizes, writeup.scopes) == ((1,), ("model", "pipeline"))
    assert writeup.threads == (machine.default_threads(),)
    assert (min(full.sequence_lengths), max(full.sequence_lengths)) == (8, 512)
    assert (min(full.batch_sizes), max(full.batch_sizes)) == (1, 32)
    with pytest.raises(BadPlan, match="quick, writeup, full"):
        plan.preset("fast")


def test_cases_are_the_product():
    asked = replace(GOOD, sequence_lengths=(16, 128), scopes=("model", "pipeline"))
    assert asked.cases == tuple(
        Case(1, length, 1, scope) for length in (16, 128) for scope in ("model", "pipeline")
    )
    assert asked.samples == FEWEST_SAMPLES[99]
