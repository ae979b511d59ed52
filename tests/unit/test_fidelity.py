"""Hot loops share nothing with workers, and the ratio of the two is found where it is known."""

import ast
import sys
import time

import pytest

from src.bench.plan import BadPlan
from src.doctor import fidelity, hot_loop, timer_check
from src.doctor.fidelity import Settings
from src.doctor.fidelity_ratios import (
    Observation,
    Turn,
    crowds,
    fidelities,
    loops_first,
    partition,
    schedule,
    spread,
    table,
    to_json,
    turns_around,
    turns_between,
)
from src.doctor.fidelity_sentences import estimate_sentences_s
from src.doctor.hot_loops import covered, disturbances, loader
from src.engines import registry
from src.host.evidence import Counters
from tests.conftest import ROOT

ENGINES = tuple(f"engine-{number}" for number in range(19))


# --- the program


def test_the_program_imports_nothing_of_this_project_and_little_at_first():
    tree = ast.parse((ROOT / "src/doctor/hot_loop.py").read_text(), feature_version=(3, 9))
    every, first = set(), set()
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
        every |= {name.split(".")[0] for name in names}
        first |= {name.split(".")[0] for name in names if node in tree.body}
    assert "src" not in every
    assert first <= set(sys.stdlib_module_names), "the CPUs are chosen before any library counts them"


def test_every_runtime_of_today_has_its_loop():
    """Another engine needs none: it is left out, and told to be."""
    here = {"pytorch", "torchscript", "ipex", "onnxruntime", "openvino", "ctranslate2"}
    rows = [
        spec for spec in registry.ENGINES if spec.device == "cpu" and spec.answers and spec.runtime in here
    ]
    assert len(rows) >= 23
    for spec in rows:
        assert loader(spec) in hot_loop.LOADERS, spec.id
        assert covered(spec)
    assert loader(registry.get("torch-compile-fp32")) == "torch_compile"
    assert loader(registry.get("torch-compile-static-fp32")) == "torch_static"
    assert loader(registry.get("openvino-int8-dynamic")) == "openvino_dynamic"
    assert loader(registry.get("onnxruntime-openvino-fp32")) == "onnxruntime_openvino"
    assert not covered(registry.get(registry.NULL))
    assert not covered(registry.get("onnxruntime-cuda-fp32"))


def test_calls_rotate_until_both_their_number_and_their_time_are_reached():
    inputs: list[int] = []
    assert len(hot_loop.time_calls(inputs.append, [(1,), (2,), (3,)], 0.0, 7)) == 7
    assert inputs == [1, 2, 3, 1, 2, 3, 1]
    began = time.perf_counter()
    assert len(hot_loop.time_calls(time.sleep, [(0.001,)], 0.02, 1)) > 1
    assert time.perf_counter() - began >= 0.02


# --- plans and pairs


@pytest.mark.parametrize(("total", "size", "sizes"), [(19, 2, {2, 3}), (19, 12, {9, 10}), (3, 2, {3})])
def test_plans_have_about_the_size_asked_for(total: int, size: int, sizes: set[int]):
    parts = partition(ENGINES[:total], size, 1)
    assert sorted(engine for part in parts for engine in part) == sorted(ENGINES[:total])
    assert {len(part) for part in parts} == sizes


def test_plans_of_one_and_of_all_are_possible():
    assert {len(part) for part in partition(ENGINES, 1, 1)} == {1}
    assert len(partition(ENGINES, 19, 1)) == 1
    assert partition(ENGINES, 2, 1) == partition(ENGINES, 2, 1) != partition(ENGINES, 2, 2)


def test_sizes_that_make_the_same_plans_are_one():
    assert Settings(ENGINES, sizes=(12, 2, fidelity.ALL)).plan_sizes == (2, 12, 19)
    assert Settings(ENGINES[:4], sizes=(2, 12, fidelity.ALL)).plan_sizes == (2, 4)
    assert Settings(ENGINES[:3], sizes=(2, 12)).plan_sizes == (3,), "two and one would be no plans of two"


def test_plans_are_filled_up_with_engines_that_are_not_compared():
    compared = ("pytorch-fp32", "onnxruntime-int8")
    settings = Settings(compared, sizes=(2, 5, fidelity.ALL), pairs=1, fill=True)
    everyone = {spec.id for spec in registry.available()} - {registry.NULL}
    assert settings.plan_sizes == (2, 5, len(everyone))
    assert settings.crowd(compared, 2, 1) == compared
    crowd = settings.crowd(compared, 5, 1)
    assert crowd[:2] == compared
    assert len(set(crowd) & everyone) == len(crowd) == 5
    assert settings.crowd(compared, 5, 1) == crowd != settings.crowd(compared, 5, 2)
    assert set(settings.crowd(compared, len(everyone), 1)) == everyone
    alone = Settings(compared, sizes=(2,), pairs=1)
    assert fidelity.estimate_s(alone) < fidelity.estimate_s(settings) / 3
    assert alone.crowd(compared, 5, 1) == compared, "none but the engines named, unless it is asked for"


def test_hot_loops_are_spread_over_the_rounds():
    cells = [(id, 16, "model") for id in ENGINES]
    gaps = schedule(cells, 12, 2, 1)
    assert list(gaps) == list(range(1, 12)), "a round follows each"
    assert {len(visits) for visits in gaps.values()} == {3, 4}
    order = [cell for visits in gaps.values() for cell in visits]
    assert sorted(order[:19]) == sorted(order[19:]) == sorted(cells)
    assert order[:19] != order[19:]
    assert gaps != schedule(cells, 12, 2, 2)
    assert [number for number, visits in schedule(cells[:1], 12, 2, 1).items() if visits] == [3, 9]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(()), "at least one engine"),
        (Settings(("pytorch-fp32",), visits=0), "at least one engine.*visit"),
        (Settings(("pytorch-fp32",), sizes=(-1,)), "plan of -1 engines"),
        (Settings(("onnxruntime-cuda-fp32",)), "cannot run here"),
        (Settings((registry.NULL,)), "no hot loop"),
    ],
)
def test_what_cannot_be_compared_is_refused(settings: Settings, message: str):
    with pytest.raises(BadPlan, match=message):
        fidelity.accept(settings)


def test_the_estimate_grows_with_what_is_asked():
    small, large = Settings(ENGINES[:3], pairs=1), Settings(ENGINES, pairs=5)
    assert 10 < fidelity.estimate_s(small) < fidelity.estimate_s(large) / 10
    assert estimate_sentences_s(small) < estimate_sentences_s(large)


# --- the statistic


def observation(
    pair: int, worker_ms: float | None, hot_ms: float | None, size: int = 2, **more: str
) -> Observation:
    """Return what a pair told whose figures did not change."""
    turns = (Turn(worker_ms, hot_ms),) if worker_ms and hot_ms else ()
    ratio = turns[0].ratio if turns else None
    return Observation(pair, size, "e", 16, "model", worker_ms, ratio, turns, **more)


def test_a_hot_loop_is_beside_the_rounds_around_it():
    rounds_ms = {1: 1.0, 2: 2.0, 3: 4.0, 6: 8.0}
    loops_ms = [(2, 3.0), (4, 5.0), (5, 4.0), (6, 2.0)]
    turns = turns_between(rounds_ms, loops_ms)
    assert [turn.ratio for turn in turns] == [1.0, 2.0, 4.0], "without the rounds that do not count"
    assert turns_between({}, loops_ms) == ()


def test_a_sentence_is_beside_the_hot_loops_around_it():
    turns = turns_around([2.0, None, 6.0, 8.0], [1.0, 3.0, 5.0, None, None])
    assert turns == (Turn(2.0, 2.0), Turn(6.0, 5.0))


def test_a_ratio_is_the_median_over_quiet_pairs():
    pairs = [
        observation(1, 1.1, 1.0),
        observation(2, 2.0, 2.0),
        observation(3, 3.06, 3.0),
        observation(4, 9.0, None, reason="Noise."),
    ]
    (row,) = fidelities(pairs)
    assert row.spread
    assert row.spread.ratio == pytest.approx(1.02)
    assert (row.spread.lowest, row.spread.highest) == pytest.approx((1.0, 1.1))
    assert (row.spread.pairs, row.spread.left_out) == (3, 1)
    assert row.hot_ms == 2.0, "of the pairs that count"
    assert row.reasons == ("Noise.",)
    assert not row.outside


@pytest.mark.parametrize(("worker_ms", "outside"), [(0.97, True), (0.99, False), (1.01, False), (1.03, True)])
def test_what_is_more_than_two_percent_off_is_marked(worker_ms: float, outside: bool):
    (row,) = fidelities([observation(1, worker_ms, 1.0)])
    assert row.outside == outside
    assert table([observation(1, worker_ms, 1.0)])[1].endswith("<") == outside


def test_without_a_quiet_pair_there_is_no_ratio():
    assert spread([None, None]) is None
    (row,) = fidelities([observation(1, None, 1.0, reason="Too noisy.")])
    assert row.spread is None
    assert not row.outside
    assert "no quiet pair: Too noisy." in table([observation(1, None, 1.0, reason="Too noisy.")])[1]
    assert fidelities([]) == []
    assert len(table([])) == 1


def test_the_crowd_effect_is_paired_and_free_of_drift():
    """The host slows down by a half between the plans of a pair; the larger plan costs 5 %."""
    pairs = [
        observation(1, 1.0, 1.0),
        observation(1, 1.575, 1.5, 12),
        observation(2, 2.0, 2.0),
        observation(2, 3.15, 3.0, 12),
    ]
    pairs += [observation(3, 3.0, 3.0), observation(3, 3.0, None, 12)]
    (row,) = crowds(pairs)
    assert (row.larger, row.smaller) == (12, 2)
    assert row.spread.ratio == pytest.approx(1.05)
    assert (row.spread.pairs, row.spread.left_out) == (2, 1)
    assert crowds([observation(1, 1.0, 1.0)]) == []
    assert to_json(pairs)["crowd"][0]["spread"]["ratio"] == pytest.approx(1.05)


def test_what_is_loaded_first_alternates():
    assert [loops_first(pair) for pair in range(1, 5)] == [True, False, True, False]
    assert Settings(ENGINES).pairs % 2 == 0


def test_the_doctor_tells_ratios_and_warns_outside_them():
    good, bad, none = (
        next(timer_check.judge([observation(1, worker_ms, 1.0)])) for worker_ms in (1.001, 1.05, None)
    )
    assert (good.check, good.state) == ("Timer", "ok")
    assert "1.001" in good.text
    assert bad.state == none.state == "warning"
    assert bad.remedy


def test_others_are_what_neither_the_loop_nor_this_process_used():
    def counters(at_s: float, busy_s: float, steal_s: float, own_s: float) -> Counters:
        return Counters(at_s, busy_s, steal_s, None, None, own_s)

    before = counters(0.0, 0.0, 0.0, 0.0)
    assert disturbances(before, counters(10.0, 20.0, 0.1, 0.5), 19.0, 2) == set()
    assert disturbances(before, counters(10.0, 20.0, 0.1, 0.5), 10.0, 2) == {"others"}
    assert disturbances(before, counters(10.0, 10.0, 2.0, 0.0), 10.0, 2) == {"steal"}


def test_the_tool_says_what_it_was_given():
    from tools.fidelity import parser, settings_of

    arguments = parser().parse_args(["onnxruntime-fp32", "--sizes", "2,all", "--scope", "model,pipeline"])
    settings = settings_of(arguments)
    assert settings.sizes == (2, fidelity.ALL)
    assert settings.scopes == ("model", "pipeline")
    with pytest.raises(BadPlan, match="no scope"):
        settings_of(parser().parse_args(["--scope", "served"]))
