"""Engines that note what their own calls took: AWIY_EXTRA_ENGINES=tests.noting_fakes:ENGINES.

By another clock than the protocol's, in the same calls: how late the kernel wakes one process or another on a
crowded host is in both.
"""

import mmap
import os
import time
from pathlib import Path

import numpy as np

from tests.fakes import Sleeping1, Sleeping5, Sleeping20, row

ROOM = 1_000_000  # calls


def notes() -> Path:
    return Path(os.environ["AWIY_HOME"]) / "noted"


class Noting:
    """Writes each answer's nanoseconds into a file's memory, which costs a call about a microsecond."""

    def load(self, artifact, threads):
        super().load(artifact, threads)
        with notes().open("w+b") as file:
            file.truncate(ROOM * 8)
            self.noted = np.frombuffer(mmap.mmap(file.fileno(), 0), np.int64)
        self.calls = 0

    def infer(self, *inputs):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        logits = super().infer(*inputs)
        self.noted[self.calls] = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - before
        self.calls += 1
        return logits


class Noting1(Noting, Sleeping1):
    pass


class Noting5(Noting, Sleeping5):
    pass


class Noting20(Noting, Sleeping20):
    pass


ENGINES = (row("noting-1", Noting1), row("noting-5", Noting5), row("noting-20", Noting20))
