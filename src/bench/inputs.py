"""The texts that every engine is timed on: whole English sentences, composed to exactly the asked length."""

import csv
import hashlib
import random
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from src.engines.text import MAX_TOKENS
from src.errors import Explained
from src.home import ROOT

PATH = ROOT / "data" / "sentences.csv"
COUNT = 32  # texts of a length; each is another input, so that nothing is learned from repeats
SHORTEST, LONGEST = 8, MAX_TOKENS  # tokens; in fewer, not enough different texts can be said
FRAME = 2  # [CLS] and [SEP]
TRIES = 2000


class BadSentences(Explained, ValueError):
    """The file of sentences cannot be used. The message says why."""


@lru_cache
def sentences(path: Path = PATH) -> tuple[tuple[str, int], ...]:
    """Return (text, label) of each row, 1 = positive. Raises BadSentences."""
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            rows = tuple((row["text"], int(row["label"])) for row in csv.DictReader(stream))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSentences(f"{path} cannot be read ({error}). Restore it from the repository.") from error
    if not rows:
        raise BadSentences(f"{path} has no sentences. Restore it from the repository.")
    return rows


def counter(tokenizer: Any) -> Callable[[str], int]:
    """Return what counts the tokens of a text with a tokenizer, [CLS] and [SEP] left out."""
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def compose(
    length: int, count_tokens: Callable[[str], int], seed: int, count: int = COUNT
) -> tuple[str, ...]:
    """Return `count` different texts of exactly `length` tokens, [CLS] and [SEP] included.

    Each is a row of whole sentences. `count_tokens` counts the tokens of one sentence without [CLS] and
    [SEP]; those of a row add up, as the tokenizer splits at spaces first. Deterministic. Raises ValueError
    where there are not enough different ones.
    """
    by_length: dict[int, list[str]] = defaultdict(list)
    for text, _ in sentences():
        by_length[count_tokens(text)].append(text)
    every = [(tokens, text) for tokens, texts in sorted(by_length.items()) for text in texts]
    order = random.Random(f"{seed} {length}")
    inputs: dict[str, None] = {}
    for _ in range(TRIES):
        if len(inputs) == count:
            break
        left, row = length - FRAME, []
        while left:
            fitting = by_length.get(left, [])
            longer = [sentence for sentence in every if left - sentence[0] >= min(by_length)]
            # The last sentence must fill what is left; before that, any that leaves room for another.
            if fitting and (not longer or order.random() < 0.5):
                row.append(order.choice(fitting))
                left = 0
            elif longer:
                tokens, text = order.choice(longer)
                row.append(text)
                left -= tokens
            else:
                break
        if not left and len(set(row)) == len(row):
            inputs[" ".join(row)] = None
    if len(inputs) < count:
        raise ValueError(
            f"Only {len(inputs)} different texts of {length} tokens can be composed; {count} are needed."
        )
    return tuple(inputs)


def digest(texts: tuple[str, ...]) -> str:
    """Return the SHA-256 of texts, which names the inputs of a run."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
