"""Stored published numbers: load and validate them, and judge what a measurement may be divided by."""

from src.references.answer import Answer, Figure, answer, answers
from src.references.beside import BesideSentence, beside, beside_result, figures, figures_of_sentence
from src.references.comparison import Comparison, Measurement, judge, ratio
from src.references.reference import (
    COLUMNS,
    DEFAULT,
    SCOPE_TITLES,
    STATISTICS,
    UNITS,
    Reference,
    ReferenceError,
    by_id,
    infinity,
    load,
    to_json,
)

__all__ = [
    "COLUMNS",
    "DEFAULT",
    "SCOPE_TITLES",
    "STATISTICS",
    "UNITS",
    "Answer",
    "BesideSentence",
    "Comparison",
    "Figure",
    "Measurement",
    "Reference",
    "ReferenceError",
    "answer",
    "answers",
    "beside",
    "beside_result",
    "by_id",
    "figures",
    "figures_of_sentence",
    "infinity",
    "judge",
    "load",
    "ratio",
    "to_json",
]
