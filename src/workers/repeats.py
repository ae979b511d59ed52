"""Does an engine still answer as it did before it was timed? Looked at in its worker, outside every timer.

An engine that answers from memory, with the buffer of another call, or wrongly after a while would have a
latency that nobody gets. Runs on Python 3.9 too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

# Of a logit. The same engine adds up the same numbers: what the order of threads changes is some 1e-5, in
# FP16 on a GPU some 1e-3.
TOLERANCE = 0.02

Logits = list[list[float]]


class Repeats:
    """What an engine answered to the inputs of each case, by their numbers.

    The arrays of a case change contents from slice to slice, so that who remembers an array by itself answers
    with what was in it: array number i holds input number i + turned.
    """

    def __init__(self) -> None:
        self.answered: dict[str, dict[int, Logits]] = {}
        self.turned: dict[str, int] = {}
        self.others: dict[str, tuple[list[Any], Logits]] = {}

    def forget(self, case: str) -> None:
        """Begin anew with a case, whose inputs are others now."""
        for known in (self.answered, self.turned, self.others):
            known.pop(case, None)

    def place(self, case: str, number: int, count: int) -> int:
        """Return which of a case's `count` arrays holds an input now."""
        return (number - self.turned.get(case, 0)) % count

    def note(self, case: str, logits: dict[int, Logits]) -> None:
        """Keep what inputs were answered with before anything was timed."""
        self.answered.setdefault(case, {}).update(logits)

    def note_another(self, case: str, given: tuple[Any, ...], infer: Callable[..., Any]) -> None:
        """Keep what a case's only input would be answered with if its tokens stood in another order."""
        other = another(given)
        if other is not None:
            answer = [[float(value) for value in row] for row in infer(*other)]
            self.others[case] = (list(other), answer)

    def compare_another(self, case: str, given: tuple[Any, ...], infer: Callable[..., Any]) -> None:
        """Raise ValueError unless the arrays that were timed are read: with the other tokens in them, the
        answer must be that of those.
        """
        if case not in self.others:
            return
        other, expected = self.others[case]
        contents = [array.copy() for array in given]
        write(given, other)
        try:
            answer = infer(*given)
            if distance(answer, expected) > TOLERANCE:
                raise ValueError(
                    "it does not read what it is given anew: its times are not those of answering"
                )
        finally:
            write(given, contents)

    def look_at(
        self, case: str, scope: str, number: int, answer: Any, arrays: Sequence[tuple[Any, ...]]
    ) -> None:
        """Raise ValueError unless the last answer of timed calls, to input `number` of a case's arrays, is
        sound and as it was before them.
        """
        if scope == "model":
            check(answer, arrays[0][0].shape[0])
            self.compare(case, number % len(arrays), answer)
        else:
            self.compare_labels(case, number % len(arrays), answer)

    def compare(self, case: str, number: int, answer: Any) -> None:
        """Raise ValueError unless logits are those that this input had before, as far as that is known."""
        before = self.answered.get(case, {}).get(number)
        if before is None:
            return
        worst = distance(answer, before)
        if not worst <= TOLERANCE:
            raise ValueError(
                "while it was timed, it answered a text otherwise than before (a logit by %.3g): its times "
                "are not those of answering" % worst
            )

    def compare_labels(self, case: str, number: int, labels: Sequence[int]) -> None:
        """Raise ValueError unless labels are those of the logits that this input had before; one that was
        as good as undecided may change.
        """
        before = self.answered.get(case, {}).get(number)
        if before is None:
            return
        for label, known in zip(labels, before):
            if known[1 - label] - known[label] > 2 * TOLERANCE:
                raise ValueError(
                    "while it was timed, it gave a text another label than before: its times are "
                    "not those of answering"
                )

    def turn(self, case: str, inputs: Sequence[tuple[Any, ...]]) -> None:
        """Let each array of a case hold what the next one held, where all have one shape and there is
        something to compare with.
        """
        alike = len({given[0].shape for given in inputs}) == 1
        if len(inputs) < 2 or case not in self.answered or not alike:
            return
        first = [array.copy() for array in inputs[0]]
        for given, other in zip(inputs, [*inputs[1:], first]):
            write(given, other)
        self.turned[case] = (self.turned.get(case, 0) + 1) % len(inputs)


def write(arrays: Sequence[Any], contents: Sequence[Any]) -> None:
    for array, values in zip(arrays, contents):
        array[...] = values


def distance(answer: Any, known: Logits) -> float:
    """Return the largest difference of a logit."""
    return max(abs(float(a) - b) for row, other in zip(answer, known) for a, b in zip(row, other))


def other_order(count: int) -> list[int]:
    """Return the numbers below `count` in an order that no slice has: who answers one call late would
    otherwise be as late there, and seem right.
    """
    return random.Random(count).sample(range(count), count)


def another(given: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return arrays of the same shape with other tokens in other memory; None where there is only one."""
    ids = given[0].copy()
    ids[:, 1:-1] = ids[:, 1:-1][:, ::-1]
    if (ids == given[0]).all():
        return None
    return (ids, *(array.copy() for array in given[1:]))


def check(logits: Any, batch: int) -> None:
    """Raise ValueError unless logits are finite float32 [batch, 2]."""
    import numpy as np

    shape, dtype = getattr(logits, "shape", None), getattr(logits, "dtype", None)
    if shape != (batch, 2) or dtype != np.float32:
        raise ValueError("it answered %s of shape %s; expected float32 [%d, 2]" % (dtype, shape, batch))
    if not np.isfinite(logits).all():
        raise ValueError("its logits are not finite: %s" % logits.tolist())
