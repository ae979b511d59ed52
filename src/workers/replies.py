"""Answering texts for a server, as they come. Runs on Python 3.9 too."""

from __future__ import annotations

import time
from typing import Any, Dict, Sequence, Tuple

from src.workers.repeats import check
from src.workers.verbs import Replied

KEPT_SHAPES = 64  # of an engine that compiles for each length


class Replies:
    """Answers of one engine, which is ready for `shapes` of texts (batch, tokens), the latest last."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.shapes: Dict[Tuple[int, int], None] = {}

    def reply(self, reader: Any, tokenizer: Any, texts: Sequence[str]) -> Replied:
        """Answer each text by itself: its answer does not depend on what else was sent with it."""
        from src.engines import text

        clock = time.perf_counter_ns
        rows, tokens, truncated = [], [], []
        tokenization_ns = inference_ns = 0
        for sentence in texts:
            began = clock()
            given = text.encode(reader, [sentence])
            read = clock()
            self.make_ready(given[0].shape)
            answer = self.engine.infer(*given)
            check(answer, 1)
            rows += text.probabilities(answer)
            tokenization_ns += read - began
            inference_ns += clock() - read
            tokens.append(given[0].shape[1])
            cut = tokens[-1] >= text.MAX_TOKENS and bool(tokenizer.encode(sentence).overflowing)
            truncated.append(cut)
        return Replied(rows, tokens, truncated, tokenization_ns, inference_ns)

    def make_ready(self, shape: Tuple[int, int]) -> None:
        """Have the engine compile or build for a shape, unless it has; what was used longest ago may go."""
        known = shape in self.shapes
        self.shapes.pop(shape, None)
        self.shapes[shape] = None
        if not known:
            while len(self.shapes) > KEPT_SHAPES:
                del self.shapes[next(iter(self.shapes))]
            self.engine.prepare(list(self.shapes))
