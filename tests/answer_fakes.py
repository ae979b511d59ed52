"""Engines whose answers cannot be believed while they are timed, and one whose answers can."""

import time
from typing import Any

import numpy as np

from src.engines.base import Engine
from src.engines.spec import EngineSpec


class Reading(Engine):
    """Answers by what it is given, as every engine should."""

    def load(self, artifact: str, threads: int) -> None:
        self.calls = 0

    def read(self, ids: np.ndarray) -> np.ndarray:
        time.sleep(0.001)
        places = np.arange(1, ids.shape[1] + 1)
        score = ((ids * places).sum(axis=1) % 89 - 44) / 10
        return np.stack([-score, score], axis=1).astype(np.float32)

    def infer(self, ids: np.ndarray, *_: Any) -> np.ndarray:
        self.calls += 1
        return self.read(ids)


class Remembering(Reading):
    """Keeps the answer of each input object, so that it computes nothing when it sees it again."""

    def load(self, artifact: str, threads: int) -> None:
        super().load(artifact, threads)
        self.known: dict = {}

    def infer(self, ids: np.ndarray, *_: Any) -> np.ndarray:
        if id(ids) not in self.known:
            self.known[id(ids)] = self.read(ids), ids  # the input is kept, so that its address stays its own
        return self.known[id(ids)][0]


class OneLate(Reading):
    """Hands out the buffer of the call before."""

    last: np.ndarray | None = None

    def infer(self, ids: np.ndarray, *_: Any) -> np.ndarray:
        now = self.read(ids)
        late, self.last = (now if self.last is None else self.last), now
        return late


class WrongLater(Reading):
    """Goes wrong after a thousand calls."""

    def infer(self, ids: np.ndarray, *rest: Any) -> np.ndarray:
        answer = super().infer(ids, *rest)
        return answer if self.calls <= 1000 else -answer


def row(name: str, implementation: type) -> EngineSpec:
    where = f"{__name__}:{implementation.__name__}"
    return EngineSpec(f"fake-{name}", f"Fake {name}", "fake", "fp32", implementation=where)


ENGINES = (
    row("reading", Reading),
    row("remembering", Remembering),
    row("one-late", OneLate),
    row("wrong-later", WrongLater),
)
