"""How near a latency is to what the host's cores can do at all: the roofline (Williams, Waterman and
Patterson, “Roofline: an insightful visual performance model”, CACM 52(4), 2009).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from src.host.roofline import Roofline

BYTES = {"fp32": 4, "int8": 1}  # of a weight
ARITHMETIC, MEMORY = "arithmetic", "memory"


@dataclass(frozen=True)
class Shape:
    """The sizes of a BERT encoder that decide how much it computes."""

    layers: int
    hidden: int
    intermediate: int

    @property
    def weights(self) -> int:
        """Return how many weights its linear layers have: four of H × H in attention, two of H × I behind."""
        return self.layers * (4 * self.hidden**2 + 2 * self.hidden * self.intermediate)

    def operations(self, tokens: int, batch: int = 1) -> int:
        """Return the multiplications and additions of its matrix products: two for each weight and token,
        and for each pair of tokens two products of H in attention. What comes between them (softmax, GELU,
        normalisation, embeddings) and behind them is left out, so that nobody reaches the limit.
        """
        attention = self.layers * 4 * tokens**2 * self.hidden
        return batch * (2 * self.weights * tokens + attention)


# By the name that a run has of its model's architecture.
SHAPES = {"MiniLM-L6-H384": Shape(6, 384, 1536)}


def shape_of(model: Mapping[str, Any]) -> Shape | None:
    """Return the shape of a run's model; None where the run does not tell."""
    return SHAPES.get(str(model.get("architecture")))


@dataclass(frozen=True)
class Limit:
    """The least time that a roofline allows, in ms, by `what` sets it, and the `share` of the limit that was
    reached: 1 would be all.
    """

    ms: float
    what: str
    share: float


def limit(
    roofline: Roofline, shape: Shape, precision: str, tokens: int, measured_ms: float, batch: int = 1
) -> Limit | None:
    """Return the limit of a latency: max(operations ÷ peak, bytes of weights ÷ bandwidth). None for a
    precision whose peak was not measured.
    """
    peak = roofline.peak(precision)
    if not peak:
        return None
    arithmetic_ms = shape.operations(tokens, batch) / (1e9 * peak) * 1e3
    size = shape.weights * BYTES[precision]
    memory_ms = size / roofline.bytes_per_s(size) * 1e3
    least_ms = max(arithmetic_ms, memory_ms)
    what = ARITHMETIC if arithmetic_ms >= memory_ms else MEMORY
    return Limit(least_ms, what, least_ms / measured_ms)
