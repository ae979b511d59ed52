"""The worker's own code, in this process: what its timer encloses and what it tells of itself."""

import gc
import os
import time
from typing import Any

import numpy as np
import pytest

from src.errors import first_words
from src.host import machine
from src.workers.own_use import thread_times
from src.workers.repeats import check
from src.workers.worker import Worker, time_calls, warm_up

pytestmark = pytest.mark.one_cpu


class Engine:
    """Notes whether the garbage collector is on whenever it is called."""

    def __init__(self) -> None:
        self.collecting: list[bool] = []
        self.seen: list[int] = []

    def infer(self, ids: Any, mask: Any, types: Any) -> np.ndarray:
        self.collecting.append(gc.isenabled())
        self.seen.append(int(ids[0, 0]))
        return np.zeros((len(ids), 2), dtype=np.float32)


@pytest.fixture
def worker() -> Worker:
    made = Worker(Engine())
    inputs = [(np.full((1, 4), number), None, None) for number in range(5)]
    made.cases["c"] = {"model": inputs, "pipeline": []}
    return made


def test_the_collector_is_off_inside_a_slice_and_on_after_it(worker: Worker):
    worker.slice("c", "model", 2, 6)
    assert worker.engine.collecting == [False] * 8
    assert gc.isenabled()


def test_inputs_rotate_and_the_first_timed_one_is_the_one_asked_for(worker: Worker):
    worker.slice("c", "model", 2, 3, offset=1)
    assert worker.engine.seen == [4, 0, 1, 2, 3], "the lead-in ends before it"
    worker.slice("c", "model", 0, 3, offset=4)
    assert worker.engine.seen[5:] == [4, 0, 1]


def test_a_visit_times_both_scopes_after_one_lead_in(worker: Worker):
    scopes: list[str] = []
    worker.pipeline = lambda number: scopes.append("pipeline")  # type: ignore[assignment, method-assign, misc]
    worker.cases["c"]["pipeline"] = [(0,)]
    worker.call = lambda scope: worker.pipeline if scope == "pipeline" else infer  # type: ignore[method-assign]

    def infer(*inputs: Any) -> np.ndarray:
        scopes.append("model")
        return np.zeros((1, 2), dtype=np.float32)

    told = worker.visit("c", 4, [("model", 3), ("pipeline", 2)])
    assert scopes == ["pipeline"] * 4 + ["model"] * (1 + 3) + ["pipeline"] * (1 + 2), "one call before each"
    assert {scope: len(calls) for scope, calls in told.ns.items()} == {"model": 3, "pipeline": 2}
    assert len(told.lead_ns) == 4
    assert gc.isenabled()


def test_lead_in_calls_are_not_timed(worker: Worker):
    told = worker.slice("c", "model", 3, 4)
    assert len(told.ns) == 4
    assert len(told.lead_ns) == 3


def test_waking_from_a_pause_is_not_waiting_for_a_cpu(worker: Worker):
    assert worker.slice("c", "model", 0, 2, pace_s=0.01).use["waited_ns"] is None
    assert worker.slice("c", "model", 0, 2).use["waited_ns"] is not None or not thread_times()


def test_with_the_batch_size_as_step_each_text_is_answered_once(worker: Worker):
    """The inputs of a batch of 2 over 4 texts: (0, 1), (1, 2), (2, 3), (3, 0)."""
    rows = [np.full((2, 4), [[first], [(first + 1) % 4]]) for first in range(4)]
    worker.cases["b"] = {"model": [(one, None, None) for one in rows], "pipeline": []}
    assert len(worker.infer("b", step=2).logits) == 4
    assert worker.engine.seen == [0, 2]


def test_a_slice_is_cut_at_its_cap_but_has_one_call():
    samples, _ = time_calls(lambda: time.sleep(0.02), [()], 100, 0, cap_s=0.05)
    assert 2 <= len(samples) <= 4
    samples, _ = time_calls(lambda: time.sleep(0.02), [()], 100, 0, cap_s=0.0)
    assert len(samples) == 1


def test_warm_up_ends_when_steady_or_at_its_cap():
    steady = warm_up(lambda: time.sleep(0.002), [()], 5, 5.0)
    assert steady.steady
    assert len(steady.ns) <= 50
    pauses = iter(0.0005 * 1.5**number for number in range(100))
    growing = warm_up(lambda: time.sleep(next(pauses)), [()], 2, 0.2)
    assert not growing.steady


def test_peaks_are_the_kernels_and_can_start_anew():
    before = machine.status_mb(os.getpid(), "VmHWM")
    if before is None or not machine.forget_peak(os.getpid()):
        pytest.skip("this kernel has no peak that starts anew")
    taken = np.ones(200_000_000, dtype=np.uint8)
    assert taken[0]
    del taken
    after = machine.status_mb(os.getpid(), "VmHWM")
    now = machine.status_mb(os.getpid(), "VmRSS")
    assert after
    assert now
    assert after > now + 150


def test_a_process_has_its_cpu_clock():
    before = machine.process_cpu_s(os.getpid())
    sum(range(2_000_000))
    assert machine.process_cpu_s(os.getpid()) > before
    assert machine.process_cpu_s(os.getpid()) == pytest.approx(time.process_time(), abs=0.1)


def test_threads_are_told_apart():
    found = thread_times()
    assert str(os.getpid()) in found or not found


def test_batches_are_checked_as_a_whole():
    check(np.zeros((3, 2), dtype=np.float32), 3)
    with pytest.raises(ValueError, match=r"expected float32 \[3, 2\]"):
        check(np.zeros((1, 2), dtype=np.float32), 3)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("it broke\nat line 3", "it broke"),
        (
            "backend='zentorch' raised:\n\nAssertionError: a set\nmore",
            "backend='zentorch' raised: AssertionError: a set",
        ),
        (
            "Exception from core.cpp:117:\nException from plugin.cpp:54:\nThe node has no kernel.\n",
            "Exception from plugin.cpp:54: The node has no kernel.",
        ),
        ("  \n", "no message"),
        ("raised:", "raised:"),
    ],
)
def test_an_error_is_told_in_its_first_words(message: str, words: str):
    assert first_words(RuntimeError(message)) == words
