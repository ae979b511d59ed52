"""An engine that does not answer while it is timed has no latency: what its worker looks at, and finds."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from src.bench import sentence
from src.bench.events import Failed
from src.workers.pool import Pool
from src.workers.repeats import Repeats, another, other_order
from src.workers.worker import Worker
from tests.answer_fakes import OneLate, Reading, Remembering, WrongLater, row
from tests.conftest import DEMO
from tests.fast import FAST
from tests.measured import calm, fake_answers, measure, plan  # noqa: F401

LIARS = ("fake-remembering", "fake-one-late", "fake-wrong-later")


@pytest.fixture
def strange(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.fakes:ENGINES,tests.answer_fakes:ENGINES")


@pytest.mark.usefixtures("strange", "fake_answers", "calm")
@pytest.mark.parametrize("scope", ["model", "pipeline"])
def test_a_run_fails_who_does_not_answer_what_it_is_asked(pool: Pool, scope: str):
    """It goes on until they are caught: the last one answers a thousand times as it should."""
    caught = LIARS if scope == "model" else LIARS[1:]  # texts are tokenised anew: there is no object to know
    names = ("fake-reading", *LIARS)
    asked = plan(*names, baseline="fake-reading", scopes=(scope,), precision=0.001, budget_s=90.0)
    failed: set[str] = set()
    record = measure(
        pool,
        asked,
        replace(FAST, slice_s=0.03),
        happened=lambda event: failed.add(event.engine) if isinstance(event, Failed) else None,
        stopped=lambda: failed >= set(caught),
    )
    reasons = {failure.engine: failure.reason for failure in record.failures}
    for engine in caught:
        assert "while it was timed" in reasons[engine], reasons
    assert "fake-reading" not in reasons
    assert {cell.engine.partition("#")[0] for cell in record.slices} >= {"fake-reading"}


@pytest.mark.usefixtures("strange", "fake_answers")
def test_a_sentence_fails_them_too(pool: Pool):
    answer = sentence.answer(pool, DEMO, ["fake-reading", "fake-remembering", "fake-one-late"])
    reasons = {failure.engine: failure.reason for failure in answer.failures}
    assert "does not read what it is given anew" in reasons["fake-remembering"]
    assert [one.engine for one in answer.engines if one.engine == "fake-reading"]
    again = sentence.answer(pool, "Another text, quite as long.", ["fake-reading", "fake-one-late"])
    reasons = {failure.engine: failure.reason for failure in again.failures}
    assert "while it was timed" in reasons["fake-one-late"]
    assert "fake-reading" not in reasons


# --- the worker's own code, in this process


def worker(implementation: type = Reading, count: int = 5) -> Worker:
    engine = implementation(row("x", implementation))
    engine.load("", 1)
    made = Worker(engine)
    draw = np.random.default_rng(3)
    ids = [draw.integers(1000, 2000, (1, 8)) for _ in range(count)]
    made.cases["c"] = {"model": [(one, np.ones_like(one), np.zeros_like(one)) for one in ids], "pipeline": []}
    return made


def test_slices_see_the_texts_that_they_ask_for_whatever_the_arrays_hold():
    made = worker()
    texts = [given[0].copy() for given in made.cases["c"]["model"]]
    made.infer("c")
    seen: list[Any] = []
    real = made.engine.infer
    made.engine.infer = lambda ids, *rest: seen.append(ids.copy()) or real(ids, *rest)
    for turn in range(7):
        seen.clear()
        made.slice("c", "model", 1, 3, offset=turn)
        expected = [texts[number % 5] for number in range(turn - 1, turn + 3)]
        assert all((a == b).all() for a, b in zip(seen, expected, strict=True)), turn


def test_arrays_of_other_shapes_stay_as_they_are():
    repeats = Repeats()
    inputs = [(np.ones((1, 4)),), (np.zeros((1, 5)),)]
    repeats.note("c", {0: [[0.0, 1.0]]})
    repeats.turn("c", inputs)
    assert repeats.place("c", 0, 2) == 0


@pytest.mark.parametrize("implementation", [Remembering, OneLate, WrongLater])
def test_the_worker_finds_out(implementation: type):
    made = worker(implementation)
    made.infer("c")
    with pytest.raises(ValueError, match="otherwise than before"):
        slices(made, 400)


def test_an_honest_engine_is_let_through():
    made = worker()
    made.infer("c")
    slices(made, 20)


def slices(made: Worker, count: int) -> None:
    for offset in range(count):
        made.slice("c", "model", 2, 3, offset=offset)


def test_a_label_may_change_where_it_was_as_good_as_undecided():
    repeats = Repeats()
    repeats.note("c", {0: [[0.0, 0.01]], 1: [[-2.0, 2.0]]})
    repeats.compare_labels("c", 0, [0])
    repeats.compare_labels("c", 1, [1])
    with pytest.raises(ValueError, match="another label"):
        repeats.compare_labels("c", 1, [0])
    repeats.compare_labels("c", 7, [0])  # of that one nothing is known


def test_the_order_of_answering_is_no_slices():
    for count in (2, 5, 32):
        order = other_order(count)
        assert sorted(order) == list(range(count))
    order = other_order(32)
    assert sum(b == (a + 1) % 32 for a, b in pairwise(order)) < 8


def test_another_text_has_the_same_shape_and_other_tokens():
    ids = np.array([[101, 7, 8, 9, 102]])
    other = another((ids, np.ones_like(ids)))
    assert other
    assert other[0].tolist() == [[101, 9, 8, 7, 102]]
    assert another((np.array([[101, 7, 102]]),)) is None
