"""Text in, label out: what scope `pipeline` adds around an engine, the same for every engine."""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np

MAX_TOKENS = 512  # the model's position table ends there


def load_tokenizer(path: str) -> Any:
    """Return the tokenizer of a tokenizer.json, without padding, truncating at 512 tokens."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=MAX_TOKENS)
    return tokenizer


def encode(tokenizer: Any, text: str) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return input_ids, attention_mask and token_type_ids of one text, each int64 [1, sequence]."""
    encoding = tokenizer.encode(text)
    return (
        np.array([encoding.ids], dtype=np.int64),
        np.array([encoding.attention_mask], dtype=np.int64),
        np.array([encoding.type_ids], dtype=np.int64),
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities [batch, 2] of logits [batch, 2], shifted by the maximum so that nothing
    overflows.
    """
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
