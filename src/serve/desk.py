"""One classifier and who waits for it: one request is answered at a time, in the order in which they came."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from src.serve.messages import Refused


class Answers(NamedTuple):
    """What a classifier says of texts, in their order: probabilities of negative and positive, the number of
    tokens, and whether a text had more than the model reads; and the seconds that reading them and answering
    took.
    """

    probabilities: Sequence[Sequence[float]]
    tokens: Sequence[int]
    truncated: Sequence[bool]
    tokenization_s: float
    inference_s: float


class Classifier(Protocol):
    """What answers. One call at a time is made of it."""

    async def warm_up(self) -> None:
        """Return once calls are steady. Raises Unanswered."""

    async def infer(self, texts: Sequence[str]) -> Answers:
        """Return the answers to texts. Raises Unanswered."""


class Unanswered(Exception):
    """The classifier failed at a request, or is `lost` for all to come. The message is for who asked."""

    def __init__(self, message: str, lost: bool = False) -> None:
        super().__init__(message)
        self.lost = lost


@dataclass(frozen=True)
class Limits:
    """What one request, and all that wait together, may ask for."""

    body_bytes: int = 1_000_000
    body_s: float = 10.0  # until the whole of a body is there
    texts: int = 32
    waiting: int = 256


class Desk:
    """Who waits for the classifier, and whether it answers: `state` is why it does not, "" when it does."""

    def __init__(self, classifier: Classifier, limits: Limits) -> None:
        self.classifier = classifier
        self.limits = limits
        self.turn = asyncio.Lock()
        self.waiting = 0
        self.state = "It is warming up. Ask again in some seconds."

    async def warm_up(self) -> None:
        try:
            await self.classifier.warm_up()
        except Unanswered as error:
            self.state = str(error)
        else:
            self.state = ""

    def check_ready(self) -> None:
        """Raise Refused unless it answers."""
        if self.state:
            raise Refused(503, self.state)

    def check(self, texts: Sequence[str]) -> None:
        """Raise Refused where texts cannot be answered now."""
        self.check_ready()
        if not texts:
            raise Refused(422, "There is no text in it. Send at least one.")
        if len(texts) > self.limits.texts:
            raise Refused(413, f"There are {len(texts)} texts. Send at most {self.limits.texts} at once.")
        if self.waiting >= self.limits.waiting:
            raise Refused(429, f"{self.waiting} requests wait already. Ask again later, and less often.")

    async def answer(self, texts: Sequence[str]) -> tuple[Answers, dict[str, float]]:
        """Return the answers to texts once it is their turn, and the seconds of each part; `compute` is all
        but the queue. Raises Refused.
        """
        self.check(texts)
        arrived = time.perf_counter()
        self.waiting += 1
        try:
            async with self.turn:
                began = time.perf_counter()
                answers = await self.classifier.infer(texts)
                ended = time.perf_counter()
        except Unanswered as error:
            if error.lost:
                self.state = str(error)
            raise Refused(503, str(error)) from error
        finally:
            self.waiting -= 1
        parts = {
            "compute": ended - began,
            "tokenization": answers.tokenization_s,
            "queue": began - arrived,
            "inference": answers.inference_s,
        }
        return answers, parts
