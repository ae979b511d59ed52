"""What a worker answers to a server: each text by itself, the engine made ready for its shape."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from src.engines.text import MAX_TOKENS
from src.workers.replies import KEPT_SHAPES, Replies


class Words:
    """A tokenizer whose tokens are words."""

    def encode(self, text: str) -> Any:
        words = text.split()
        return SimpleNamespace(ids=list(range(len(words)))[:MAX_TOKENS], overflowing=words[MAX_TOKENS:])


class Strict:
    """An engine that answers what it was made ready for, and nothing else."""

    def __init__(self) -> None:
        self.ready: list[tuple[int, int]] = []
        self.calls = 0

    def prepare(self, shapes: list[tuple[int, int]]) -> None:
        self.calls += 1
        self.ready = list(shapes)

    def infer(self, ids: np.ndarray, *_: np.ndarray) -> np.ndarray:
        assert ids.shape in self.ready
        return np.array([[0.0, ids.shape[1]]], dtype=np.float32)


def test_each_text_is_answered_by_itself():
    engine = Strict()
    reply = Replies(engine).reply(Words(), Words(), ["a b", "a", "c d"])
    assert reply.tokens == [2, 1, 2]
    assert reply.probabilities[0] == reply.probabilities[2] == pytest.approx([0.1192, 0.8808], abs=1e-4)
    assert reply.truncated == [False] * 3
    assert engine.calls == 2, "two texts have one shape"
    assert reply.tokenization_ns > 0
    assert reply.inference_ns > 0


def test_a_text_that_was_cut_is_told():
    whole, cut = (" ".join("a" * count) for count in (MAX_TOKENS, MAX_TOKENS + 1))
    assert Replies(Strict()).reply(Words(), Words(), [whole, cut]).truncated == [False, True]


def test_shapes_that_were_used_longest_ago_make_room():
    engine = Strict()
    replies = Replies(engine)
    for tokens in [*range(1, KEPT_SHAPES + 1), 1, KEPT_SHAPES + 1]:
        replies.reply(Words(), Words(), [" ".join("a" * tokens)])
    assert engine.calls == KEPT_SHAPES + 1
    assert len(engine.ready) == KEPT_SHAPES
    assert (1, 1) in engine.ready
    assert (1, 2) not in engine.ready


def test_an_answer_that_is_none_is_refused():
    engine = Strict()
    engine.infer = lambda *_: np.array([[0.0, np.nan]], dtype=np.float32)  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="not finite"):
        Replies(engine).reply(Words(), Words(), ["a"])
