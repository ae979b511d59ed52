"""What a worker is asked for, and what it answers: one set of names for the worker and for its parent.

Runs on Python 3.9 too.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple

from src.facts import Facts

VERBS = ("load", "facts", "prepare", "infer", "reply", "warm_up", "slice", "visit")


class Loaded(NamedTuple):
    """An engine is loaded: how long it took, and what runs now."""

    load_s: float
    facts: Facts


class Told(NamedTuple):
    """What runs in a worker."""

    facts: Facts


class Prepared(NamedTuple):
    """The token ids of a case's texts. `truncated`: some text had more than the model reads."""

    ids: List[List[int]]
    truncated: bool


class Answered(NamedTuple):
    """Logits of texts in their order, and the nanoseconds that each call took, in the order of the calls."""

    logits: List[List[float]]
    ns: List[int]


class Replied(NamedTuple):
    """Texts answered, in their order: the probabilities of both labels, how many tokens there are, whether
    there were more than the model reads; and the nanoseconds that reading them and answering took, in all.
    """

    probabilities: List[List[float]]
    tokens: List[int]
    truncated: List[bool]
    tokenization_ns: int
    inference_ns: int


class WarmedUp(NamedTuple):
    """The nanoseconds of the calls until they were `steady`, or until the time was over."""

    ns: List[int]
    steady: bool


class Timed(NamedTuple):
    """One slice: nanoseconds of its timed and of its lead-in calls, and what the process used meanwhile (see
    own_use.OwnUse).
    """

    ns: List[int]
    lead_ns: List[int]
    use: Facts


class Visited(NamedTuple):
    """One visit of a sentence: nanoseconds of its lead-in calls, and of its timed calls by scope."""

    lead_ns: List[int]
    ns: Dict[str, List[int]]
