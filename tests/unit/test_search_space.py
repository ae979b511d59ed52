"""What is searched, and who may race of it: the rules, and real engines through the screen."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from src import environments, libraries, releases
from src.accuracy import known_accuracy
from src.accuracy.accuracy_result import Accuracy, EngineAccuracy
from src.accuracy.gate import HOLDS, MISSES, Gate
from src.accuracy.gate import NOT_PROVEN as GATE_NOT_PROVEN
from src.accuracy.known_accuracy import Known
from src.engines import registry
from src.model.fingerprint import Fingerprint
from src.search import asked as asking
from src.search import screen as screening
from src.search import space
from src.search.asked import Asked, BadSearch
from src.search.screen import (
    FAILED,
    INACCURATE,
    NOT_PROVEN,
    PASSES,
    TOO_LARGE,
    Loaded,
    Screened,
    judge,
    screen,
)
from src.workers.pool import Pool

ROW = "onnxruntime-int8"
ASKED = Asked((16,), 1200.0, 2)
TWO = space.Bounds(2)


def test_singles_are_one_option_each_and_none_that_does_nothing():
    row = registry.get(ROW)
    two = space.singles(row, TWO)
    assert f"{ROW}~spin=off" in two
    assert f"{ROW}~threads=1" in two
    assert len(two) == len(set(two)) == 10
    assert space.singles(row, space.Bounds(1)) == [f"{ROW}~denormals=zero", f"{ROW}~gelu=fast"]
    assert space.singles(registry.get("pytorch-fp32"), TWO) == []


def test_another_tokenizer_is_tried_where_it_shows_and_its_package_is_allowed():
    row = registry.get(ROW)
    other = f"{ROW}~tokenizer=tokie"
    assert other not in space.singles(row, TWO)
    assert other in space.singles(row, space.Bounds(2, "pipeline"))
    assert other in space.singles(row, space.Bounds(2, "pipeline", ("onnxruntime", "tokie")))
    assert other not in space.singles(row, space.Bounds(2, "pipeline", ("onnxruntime",)))


def test_a_release_is_not_given_an_option_that_its_environment_lacks():
    helpful = {f"{ROW}~tokenizer=tokie": 0.8, f"{ROW}~gelu=fast": 0.9, f"{ROW}@1.24.4": 0.7}
    changes = space.changes_together(ROW, helpful, 2)
    assert f"{ROW}~gelu=fast~tokenizer=tokie" in changes
    assert f"{ROW}@1.24.4~gelu=fast" in changes
    assert not [id for id in changes if "@" in id and "tokie" in id]


def test_combinations_are_of_the_most_helpful_options_with_other_names():
    row = registry.get(ROW)
    helpful = [("block", "4"), ("block", "2"), ("gelu", "fast"), ("denormals", "zero")]
    together = space.together(row, helpful, 2)
    assert sorted(together) == [f"{ROW}~block=2~gelu=fast", f"{ROW}~block=4~gelu=fast"]
    assert space.together(row, helpful[:1], 2) == []


def test_one_thread_is_not_combined_with_what_threads_share():
    row = registry.get(ROW)
    together = space.together(row, [("threads", "1"), ("spin", "off"), ("gelu", "fast")], 2)
    assert sorted(together) == [f"{ROW}~spin=off~gelu=fast", f"{ROW}~threads=1~gelu=fast"]


def test_ids_that_are_too_long_are_left_out():
    row = registry.get("onnxruntime-int8-fused")
    helpful = [("spin-us", "1000"), ("denormals", "zero"), ("gelu", "fast")]
    together = space.together(row, helpful, 2)
    assert together
    assert all(registry.get(id).id == id for id in together)


def test_helpful_options_come_best_first():
    ratios = {f"{ROW}~spin=off": 0.95, f"{ROW}~block=4": 0.8, f"{ROW}~gelu=fast": 1.01}
    assert space.helpful(ratios) == [("block", "4"), ("spin", "off")]


def test_rows_are_those_that_run_here_and_need_no_other_packages():
    rows = {spec.id for spec in space.rows()}
    assert {"pytorch-fp32", ROW} <= rows
    assert "null" not in rows
    few = space.rows(packages=registry.get(ROW).packages)
    assert ROW in {spec.id for spec in few}
    assert all(set(spec.packages) <= set(registry.get(ROW).packages) for spec in few)
    with pytest.raises(space.EmptySpace, match="allow more packages"):
        space.rows(packages=())


def test_releases_are_those_of_the_rows_runtime_but_the_one_it_has():
    usual = libraries.version("onnxruntime")
    asked = ["onnxruntime@1.24.4", f"onnxruntime@{usual}", "openvino@2025.1.0"]
    assert space.of_releases(registry.get(ROW), asked) == [f"{ROW}@1.24.4"]
    for other in ("pytorch-fp32", "2021-onnxruntime-int8", f"{ROW}@1.22.1"):
        assert space.of_releases(registry.get(other), asked) == []


def test_the_last_installed_release_of_each_minor_version_is_searched(monkeypatch: pytest.MonkeyPatch):
    here = ["ctranslate2@4.5.0", "onnxruntime@1.9.0", "onnxruntime@1.24.1", "onnxruntime@1.24.4"]
    monkeypatch.setattr(environments, "usable_releases", lambda: list(map(releases.parse, here)))
    usual = ("onnxruntime@1.24.4", "onnxruntime@1.9.0", "ctranslate2@4.5.0")
    assert space.releases_named(None) == usual
    assert space.releases_named(("none",)) == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("onnxruntime", "is no release"),
        ("torch@2.0.0", "of: onnxruntime"),
        ("openvino@1.0", "envs create openvino@1.0"),
    ],
)
def test_a_release_that_cannot_be_searched_says_what_to_do(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    with pytest.raises(space.BadRelease, match=words):
        space.releases_named((name,))


def test_releases_and_options_come_in_turn_so_that_neither_uses_up_the_time():
    others = ["onnxruntime@1.24.4", "onnxruntime@1.22.1", "openvino@2025.1.0"]
    changes = space.one_change([ROW, "openvino-int8"], TWO, others)
    options = space.singles(registry.get(ROW), TWO)
    assert changes[ROW][:4] == [f"{ROW}@1.24.4", options[0], f"{ROW}@1.22.1", options[1]]
    assert changes[ROW][4:] == options[2:]
    assert changes["openvino-int8"][0] == "openvino-int8@2025.1.0"


def test_changes_that_helped_are_combined_with_the_release_that_helped_most():
    ratios = {f"{ROW}@1.24.4": 0.8, f"{ROW}@1.22.1": 0.9, f"{ROW}~gelu=fast": 0.95, f"{ROW}~block=4": 1.1}
    assert space.changes_together(ROW, ratios, 2) == [f"{ROW}@1.24.4~gelu=fast"]
    ratios[f"{ROW}~block=4"] = 0.99
    both = "~block=4~gelu=fast"
    assert f"{ROW}{both}" in space.changes_together(ROW, ratios, 2)
    assert f"{ROW}@1.24.4{both}" in space.changes_together(ROW, ratios, 2)
    assert space.changes_together(ROW, {f"{ROW}@1.24.4": 1.2, f"{ROW}~gelu=fast": 0.9}, 2) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"budget_s": 30.0}, "at least 120 s"),
        ({"max_drop": 0.0}, "a percentage"),
        ({"scope": "x"}, "model or pipeline"),
        ({"lengths": ()}, "No sequence length"),
    ],
)
def test_what_no_search_can_be_made_of_is_refused(change: dict, word: str):
    values = {"lengths": (16,), "budget_s": 1200.0, "threads": 2, **change}
    with pytest.raises(BadSearch, match=word):
        asking.check(Asked(**values))


def known(state: str, low: float | None, high: float | None) -> Known:
    return Known(state, "measured here", "d", 1000, low=low, high=high)


@pytest.mark.parametrize(
    ("accuracy", "state"),
    [
        (known(HOLDS, -0.001, 0.005), PASSES),
        (known(HOLDS, None, None), PASSES),  # what others are held against
        (known(MISSES, 0.02, 0.04), INACCURATE),
        (known(GATE_NOT_PROVEN, 0.001, 0.02), NOT_PROVEN),
        (known(MISSES, None, None), NOT_PROVEN),
        (None, NOT_PROVEN),
    ],
)
def test_the_accuracy_decides_by_its_interval(accuracy: Known | None, state: str):
    told = judge(ASKED, ROW, Loaded(100.0, 1.0, accuracy), accuracy)
    assert told.state == state
    assert bool(told.reason) == (state != PASSES)


def test_a_larger_drop_may_be_allowed():
    accuracy = known(GATE_NOT_PROVEN, 0.001, 0.02)
    allowed = Asked((16,), 1200.0, 2, max_drop=0.03)
    assert judge(allowed, ROW, Loaded(100.0, 1.0, accuracy), accuracy).passes


def test_memory_and_loading_are_limits():
    accuracy = known(HOLDS, -0.001, 0.005)
    limited = Asked((16,), 1200.0, 2, memory_mb=90.0, load_s=2.0)
    told = judge(limited, ROW, Loaded(100.0, 1.0, accuracy), accuracy)
    assert (told.state, told.reason) == (TOO_LARGE, "It takes 100 MB; 90 were allowed.")
    told = judge(limited, ROW, Loaded(80.0, 2.5, accuracy), accuracy)
    assert (told.state, told.reason) == (TOO_LARGE, "It took 2.5 s to load; 2 were allowed.")


@pytest.fixture
def own_pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


def test_real_engines_are_screened(own_pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """FP32 is proven by what is stored with the model, with an option it answers the same; what fails to load
    says why, and the others go on.
    """
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.fakes:ENGINES")
    ids = ["onnxruntime-fp32", "onnxruntime-fp32~denormals=zero", "fake-crash-load"]
    told: dict[str, Screened] = {}
    screen(own_pool, ASKED, ids, lambda _: None, lambda one: told.update({one.engine: one}))
    assert {id: one.state for id, one in told.items()} == dict(
        zip(ids, (PASSES, PASSES, FAILED), strict=True)
    )
    assert "another version" in told["fake-crash-load"].reason
    row, option = told[ids[0]], told[ids[1]]
    assert row.accuracy
    assert row.accuracy.high == option.accuracy.high
    assert row.memory_mb
    assert row.load_s
    json.dumps(row.accuracy.__dict__)


@pytest.mark.parametrize("changed", [f"{ROW}~gelu=fast", f"{ROW}@1.24.4", f"{ROW}@1.24.4~gelu=fast"])
def test_what_a_change_does_to_answers_is_held_against_its_row(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(known_accuracy, "confirmations_file", lambda: tmp_path / "confirmed.json")
    row = Fingerprint(ROW, "m", "a", "s", "r", "c")
    option = Fingerprint(changed, "m", "a", "s", "r", "c")
    logits = [[1.0, -1.0], [-1.0, 1.0]]
    known_accuracy.hold_against_row(option, row, [[1.2, -1.0], [-1.0, 1.0]], logits)
    assert known_accuracy.row_it_answers_as(option) is None, "a fifth of a logit apart"
    known_accuracy.hold_against_row(option, row, [[1.04, -1.0], [-1.0, 1.0]], logits)
    assert known_accuracy.row_it_answers_as(option) == row
    other = Fingerprint(changed, "m", "b", "s", "r", "c")
    assert known_accuracy.row_it_answers_as(other) is None, "another file"
    assert known_accuracy.row_it_answers_as(row) is None


@pytest.mark.parametrize("max_drop", [0.01, 0.001])
def test_large_sets_are_read_by_those_only_that_answer_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_drop: float
):
    """One answers as FP32 does; one otherwise; of one 340 sentences have been read, which were too few."""
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    read: list[tuple[tuple[str, ...], list[str]]] = []

    def measure(_: object, sets: tuple, ids: list, model: object, tell: object, each: Callable) -> Accuracy:
        read.append((sets, ids))
        rows = []
        for id in ids:
            flips, delta = (0, 0.001) if id == "same" else (3, 0.2)
            gate = Gate(HOLDS, 0.0, -0.001, 0.008 if not sets else 0.0005, None)
            rows.append(
                EngineAccuracy(id, 0.9, (0.88, 0.92), flips=flips, max_abs_delta_logit=delta, gate=gate)
            )
            each(Accuracy(dataset="d", n=340, model="m", measured_at="t", engines=(rows[-1],)))
        return Accuracy(dataset="d", n=340, model="m", measured_at="t", engines=tuple(rows))

    monkeypatch.setattr(screening.accuracy, "measure", measure)
    none, some = Loaded(1.0, 1.0, None), Loaded(1.0, 1.0, known(GATE_NOT_PROVEN, 0.0, 0.02))
    asked = replace(ASKED, datasets=("large.tsv",), max_drop=max_drop)
    kept: list[Screened] = []
    unknown = {"same": none, "other": none, "few": some}
    left = screening.settle_the_same(None, asked, unknown, lambda _: None, kept.append)  # type: ignore[arg-type]
    assert read == [((), ["same", "other"])]
    if max_drop == 0.001:
        assert set(left) == {"same", "other", "few"}, "they are too few to rule out so small a drop"
        return
    assert [(one.engine, one.state) for one in kept] == [("same", PASSES)]
    assert set(left) == {"other", "few"}
    screening.measure(None, asked, left, lambda _: None, lambda one, _: kept.append(one))  # type: ignore[arg-type]
    assert read[1] == (("large.tsv",), ["other", "few"])
    assert {one.engine: one.state for one in kept} == dict.fromkeys(unknown, PASSES)
