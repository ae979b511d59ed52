"""Text in, label out: what scope `pipeline` adds around an engine, the same for every engine."""

from __future__ import annotations

from math import exp
from typing import Any, List, Sequence, Tuple

import numpy as np

MAX_TOKENS = 512  # the model's position table ends there


def load_tokenizer(path: str) -> Any:
    """Return the tokenizer of a tokenizer.json, without padding, truncating at 512 tokens."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=MAX_TOKENS)
    return tokenizer


def load_reader(library: str, path: str, tokenizer: Any) -> Any:
    """Return what reads texts as the tokenizer of a tokenizer.json does, which is that itself or another
    library's: `encode(text).ids`. Raises ValueError for one that is not known.
    """
    if library == "tokenizers":
        return tokenizer
    if library != "tokie":
        raise ValueError("there is no tokenizer “%s”" % library)
    import tokie

    reader = tokie.Tokenizer.from_json(path)
    reader.no_padding()
    reader.enable_truncation(MAX_TOKENS)
    return reader


def encode(tokenizer: Any, texts: Sequence[str]) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return input_ids, attention_mask and token_type_ids of texts with equally many tokens, each int64
    [batch, sequence]. Raises ValueError for texts that differ.

    One text a row and no padding: the mask is all ones and the types are all zeros, which `check_encodings`
    holds against what the tokenizer itself says.
    """
    ids = np.array([tokenizer.encode(text).ids for text in texts], dtype=np.int64)
    return ids, np.ones(ids.shape, dtype=np.int64), np.zeros(ids.shape, dtype=np.int64)


def check_encodings(texts: Sequence[str], encodings: Sequence[Any], arrays: Sequence[Any]) -> None:
    """Raise ValueError where a tokenizer's own ids, masks and types of texts differ from the `arrays` that
    `encode` made of them: each text is the first row of one.
    """
    for text, encoding, (ids, _, _) in zip(texts, encodings, arrays):
        if set(encoding.attention_mask) != {1} or set(encoding.type_ids) != {0}:
            raise ValueError("its tokenizer pads or has other token types for a single text")
        if ids[0].tolist() != encoding.ids:
            raise ValueError("the library asked for makes other token ids of “%s”" % text[:60])


def pad(
    arrays: Tuple[np.ndarray, np.ndarray, np.ndarray], length: int
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the three inputs padded on the right to `length` tokens: id 0, which is [PAD], and mask 0."""
    width = max(0, length - arrays[0].shape[1])
    ids, mask, types = (np.pad(array, ((0, 0), (0, width))) for array in arrays)
    return ids, mask, types


def probabilities(logits: np.ndarray) -> List[List[float]]:
    """Return the softmax of each row of logits [batch, labels], shifted by its maximum so that nothing
    overflows.

    In plain floats: for the two logits of a text, NumPy's calls would take several times as long.
    """
    rows = []
    for row in logits.tolist():
        highest = max(row)
        weights = [exp(logit - highest) for logit in row]
        total = sum(weights)
        rows.append([weight / total for weight in weights])
    return rows
