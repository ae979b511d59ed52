"""The worker's own code, in this process: what its timer encloses and what it tells of itself."""

import gc
import os
import time
from typing import Any

import numpy as np
import pytest

from src.bench import host
from src.bench.worker import Worker, check, thread_times, time_calls, warm_up


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


def test_inputs_rotate_from_slice_to_slice(worker: Worker):
    worker.slice("c", "model", 1, 3)
    worker.slice("c", "model", 1, 3)
    assert worker.engine.seen == [0, 1, 2, 3, 4, 0, 1, 2]


def test_lead_in_calls_are_not_timed(worker: Worker):
    told = worker.slice("c", "model", 3, 4)
    assert len(told["ns"]) == 4
    assert told["lead_in_ns"] > 0


def test_with_the_batch_size_as_step_each_text_is_answered_once(worker: Worker):
    """The inputs of a batch of 2 over 4 texts: (0, 1), (1, 2), (2, 3), (3, 0)."""
    rows = [np.full((2, 4), [[first], [(first + 1) % 4]]) for first in range(4)]
    worker.cases["b"] = {"model": [(one, None, None) for one in rows], "pipeline": []}
    assert len(worker.infer("b", step=2)["logits"]) == 4
    assert worker.engine.seen == [0, 2]


def test_a_slice_is_cut_at_its_cap_but_has_one_call():
    samples, _ = time_calls(lambda: time.sleep(0.02), [()], 100, 0, cap_s=0.05)
    assert 2 <= len(samples) <= 4
    samples, _ = time_calls(lambda: time.sleep(0.02), [()], 100, 0, cap_s=0.0)
    assert len(samples) == 1


def test_warm_up_ends_when_steady_or_at_its_cap():
    steady = warm_up(lambda: time.sleep(0.002), [()], 5, 5.0)
    assert steady["steady"]
    assert len(steady["ns"]) <= 50
    pauses = iter(0.0005 * 1.5**number for number in range(100))
    growing = warm_up(lambda: time.sleep(next(pauses)), [()], 2, 0.2)
    assert not growing["steady"]


def test_peaks_are_the_kernels_and_can_start_anew():
    before = host.status_mb(os.getpid(), "VmHWM")
    if before is None or not host.forget_peak(os.getpid()):
        pytest.skip("this kernel has no peak that starts anew")
    taken = np.ones(200_000_000, dtype=np.uint8)
    assert taken[0]
    del taken
    after = host.status_mb(os.getpid(), "VmHWM")
    now = host.status_mb(os.getpid(), "VmRSS")
    assert after
    assert now
    assert after > now + 150


def test_a_process_has_its_cpu_clock():
    before = host.process_cpu_s(os.getpid())
    sum(range(2_000_000))
    assert host.process_cpu_s(os.getpid()) > before
    assert host.process_cpu_s(os.getpid()) == pytest.approx(time.process_time(), abs=0.1)


def test_threads_are_told_apart():
    found = thread_times()
    assert str(os.getpid()) in found or not found


def test_batches_are_checked_as_a_whole():
    check(np.zeros((3, 2), dtype=np.float32), 3)
    with pytest.raises(ValueError, match=r"expected float32 \[3, 2\]"):
        check(np.zeros((1, 2), dtype=np.float32), 3)
