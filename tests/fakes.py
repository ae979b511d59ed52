"""Faulty engines for real workers, loaded like any other: AWIY_EXTRA_ENGINES=tests.fakes:ENGINES."""

import os
import signal
import time

import numpy as np

from src.engines.base import Engine
from src.engines.spec import EngineSpec

SLEEP_S = 0.002


class Plausible(Engine):
    """Says positive for everything."""

    def load(self, artifact, threads):
        pass

    def infer(self, input_ids, attention_mask, token_type_ids):
        return np.array([[-2.0, 2.0]], dtype=np.float32)


class Sleeping(Plausible):
    def infer(self, *inputs):
        time.sleep(SLEEP_S)
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


class LongSleeping(Plausible):
    def infer(self, *inputs):
        time.sleep(0.02)
        return super().infer(*inputs)


class Talkative(Plausible):
    """Writes to standard output, as libraries do, in the middle of everything."""

    def load(self, artifact, threads):
        os.write(1, b'\x00\x00\x00\x10{"logits": "no"}' * 100)

    def infer(self, *inputs):
        os.write(1, b'{"ns": []}\n')
        os.write(2, b"warning!\n")
        return super().infer(*inputs)


def row(name: str, implementation: type) -> EngineSpec:
    return EngineSpec(
        f"fake-{name}",
        f"Fake {name}",
        "fake",
        "fp32",
        implementation=f"tests.fakes:{implementation.__name__}",
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
    row("talkative", Talkative),
    row("markup", Markup),
    row("long-sleeping", LongSleeping),
)
