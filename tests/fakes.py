"""Faulty engines for real workers, loaded like any other: AWIY_EXTRA_ENGINES=tests.fakes:ENGINES."""

import hashlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

from src.engines.base import Engine
from src.engines.spec import EngineSpec

DRIFT = "drift.started"  # in the home folder: since when a host drifts (monotonic seconds)


class Plausible(Engine):
    """Says positive for everything."""

    def load(self, artifact, threads):
        pass

    def infer(self, input_ids, attention_mask, token_type_ids):
        return np.array([[-2.0, 2.0]] * len(input_ids), dtype=np.float32)


class Sleeping(Plausible):
    SLEEP_S = 0.002

    def infer(self, *inputs):
        time.sleep(self.SLEEP_S)
        return super().infer(*inputs)


class Negative(Plausible):
    """Finite, well shaped, and wrong."""

    def infer(self, *inputs):
        return -super().infer(*inputs)


class NotANumber(Plausible):
    def infer(self, *inputs):
        return super().infer(*inputs) * np.float32("nan")


class WrongShape(Plausible):
    def infer(self, *inputs):
        return np.zeros((1, 384), dtype=np.float32)


class Crashing(Plausible):
    def infer(self, *inputs):
        print("about to crash")
        os.kill(os.getpid(), signal.SIGSEGV)


class CrashingLoad(Plausible):
    def load(self, artifact, threads):
        raise RuntimeError("the model file is of another version")


class Exiting(Plausible):
    def infer(self, *inputs):
        os._exit(3)


class Hanging(Plausible):
    def infer(self, *inputs):
        time.sleep(3600)


class LoadingSlowly(Plausible):
    def load(self, artifact, threads):
        time.sleep(4)


class MemoryHog(Plausible):
    def load(self, artifact, threads):
        self.taken = []
        while True:
            self.taken.append(np.ones(16 * 1024 * 1024, dtype=np.uint8))
            time.sleep(0.01)


class Markup(Plausible):
    """Fails with words that a page must not take for its own."""

    def infer(self, *inputs):
        raise RuntimeError(
            "<img src=x onerror=alert(1)> ![x](http://example.invalid/x.png) $a$ [red]x[/red] -- b"
        )


class Drifting(Plausible):
    """Takes up to twice as long as the run goes on, as a host does that gets warm or busy."""

    SLEEP_S = 0.004
    DRIFT_S = 5.0

    def load(self, artifact, threads):
        self.began = None

    def infer(self, *inputs):
        """All such engines drift by the same clock, from the moment on that stands in a file."""
        started = Path(os.environ["AWIY_HOME"]) / DRIFT
        if self.began is None and started.exists():
            self.began = float(started.read_text())
        passed_s = 0.0 if self.began is None else time.monotonic() - self.began
        time.sleep(self.SLEEP_S * (1 + min(1.0, passed_s / self.DRIFT_S)))
        return super().infer(*inputs)


class DriftingSlower(Drifting):
    SLEEP_S = 0.006


class LateCrashing(Plausible):
    """Answers at first; ends its process after a while."""

    def load(self, artifact, threads):
        self.left = 150

    def infer(self, *inputs):
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.001)
        return super().infer(*inputs)


class CrashingLater(LateCrashing):
    """Ends its process in the middle of the rounds."""

    def load(self, artifact, threads):
        self.left = 500


class VerySlow(Plausible):
    """Takes 5 s to load and 0.5 s a call."""

    def load(self, artifact, threads):
        time.sleep(5)

    def infer(self, *inputs):
        time.sleep(0.5)
        return super().infer(*inputs)


class CrashingInWarmUp(Plausible):
    """Answers once."""

    def load(self, artifact, threads):
        self.answered = False

    def infer(self, *inputs):
        if self.answered:
            os.kill(os.getpid(), signal.SIGKILL)
        self.answered = True
        return super().infer(*inputs)


class Crowding(Plausible):
    """Runs four threads whatever it was given. Hashing needs no lock of the interpreter, so all really
    run.
    """

    def load(self, artifact, threads):
        data = bytes(100_000)

        def work():
            while True:
                hashlib.sha256(data)
                time.sleep(0.0005)

        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()

    def infer(self, *inputs):
        hashlib.sha256(bytes(1_000_000))
        return super().infer(*inputs)


class ShortLived(Plausible):
    """Leaves the CPUs it was given, and starts three threads in each call. They have ended half a millisecond
    before it answers.
    """

    DATA = bytes(6_000_000)

    def load(self, artifact, threads):
        os.sched_setaffinity(0, range(os.cpu_count()))

    def infer(self, *inputs):
        threads = [threading.Thread(target=hashlib.sha256, args=(self.DATA,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(0.0005)
        return super().infer(*inputs)


class Busy(Plausible):
    """Computes for some 2 ms a call."""

    def infer(self, *inputs):
        sum(range(60000))
        return super().infer(*inputs)


class Sleeping1(Sleeping):
    SLEEP_S = 0.001


class Sleeping5(Sleeping):
    SLEEP_S = 0.005


class SleepingLonger(Sleeping):
    """5 % slower than Sleeping, with what the kernel adds to a sleep."""

    SLEEP_S = 0.00211


class Sleeping20(Sleeping):
    SLEEP_S = 0.020


class Talkative(Plausible):
    """Writes to standard output, as libraries do, in the middle of everything."""

    def load(self, artifact, threads):
        os.write(1, b'\x00\x00\x00\x10{"logits": "no"}' * 100)

    def infer(self, *inputs):
        os.write(1, b'{"ns": []}\n')
        os.write(2, b"warning!\n")
        return super().infer(*inputs)


class Telling(Plausible):
    """Tells which Python it runs on."""

    def facts(self):
        return {"prefix": sys.prefix, "numpy": np.__version__}


def row(name: str, implementation: type, **more: str) -> EngineSpec:
    return EngineSpec(
        f"fake-{name}",
        f"Fake {name}",
        "fake",
        "fp32",
        implementation=f"{implementation.__module__}:{implementation.__name__}",
        **more,
    )


ENGINES = (
    row("plausible", Plausible),
    row("sleeping", Sleeping),
    row("negative", Negative),
    row("nan", NotANumber),
    row("shape", WrongShape),
    row("crash", Crashing),
    row("crash-load", CrashingLoad),
    row("exit", Exiting),
    row("hang", Hanging),
    row("hog", MemoryHog),
    row("loading-slowly", LoadingSlowly),
    row("talkative", Talkative),
    row("markup", Markup),
    row("long-sleeping", Sleeping20),
    row("drifting", Drifting),
    row("drifting-slower", DriftingSlower),
    row("late-crash", LateCrashing),
    row("later-crash", CrashingLater),
    row("crash-warm-up", CrashingInWarmUp),
    row("crowding", Crowding),
    row("short-lived", ShortLived),
    row("busy", Busy),
    row("sleep-1", Sleeping1),
    row("sleep-5", Sleeping5),
    row("sleep-2", Sleeping),
    row("sleep-2-again", Sleeping),
    row("sleep-2-percent", SleepingLonger),
    row("sleep-20", Sleeping20),
)

VERY_SLOW = tuple(row(f"very-slow-{number}", VerySlow) for number in range(10))

# For tests that make an environment “old” (test_environments.py).
OLD_ENGINES = (
    row("old", Telling, environment="old"),
    row("old-crash", CrashingLoad, environment="old"),
)
