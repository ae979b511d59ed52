"""Text in, label out: what scope `pipeline` adds around an engine, the same for every engine."""

from __future__ import annotations

from typing import Any, Sequence, Tuple

import numpy as np

MAX_TOKENS = 512  # the model's position table ends there


def load_tokenizer(path: str) -> Any:
    """Return the tokenizer of a tokenizer.json, without padding, truncating at 512 tokens."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=MAX_TOKENS)
    return tokenizer


def encode(tokenizer: Any, texts: Sequence[str]) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return input_ids, attention_mask and token_type_ids of texts with equally many tokens, each int64
    [batch, sequence]. Raises ValueError for texts that differ.
    """
    encodings = [tokenizer.encode(one) for one in texts]
    return (
        np.array([one.ids for one in encodings], dtype=np.int64),
        np.array([one.attention_mask for one in encodings], dtype=np.int64),
        np.array([one.type_ids for one in encodings], dtype=np.int64),
    )


def pad(
    arrays: Tuple[np.ndarray, np.ndarray, np.ndarray], length: int
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the three inputs padded on the right to `length` tokens: id 0, which is [PAD], and mask 0."""
    width = max(0, length - arrays[0].shape[1])
    ids, mask, types = (np.pad(array, ((0, 0), (0, width))) for array in arrays)
    return ids, mask, types


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities [batch, 2] of logits [batch, 2], shifted by the maximum so that nothing
    overflows.
    """
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
