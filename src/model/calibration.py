"""The sentences that static quantisers see: real ones, the same for each of them."""

import csv
import random
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from src.facts import Facts
from src.home import ROOT
from src.model.embedded import file_sha256

SENTENCES = ROOT / "data" / "sentences.csv"
COUNT, SEED = 128, 0

Inputs = dict[str, np.ndarray]


def samples(tokenizer: Path) -> list[Inputs]:
    """Return COUNT sentences as model inputs, each int64 [1, its own length]."""
    with open(SENTENCES, newline="", encoding="utf-8") as stream:
        texts = [row["text"] for row in csv.DictReader(stream)]
    chosen = random.Random(SEED).sample(texts, COUNT)
    encodings = Tokenizer.from_file(str(tokenizer)).encode_batch(chosen)
    return [
        {
            "input_ids": np.array([one.ids], dtype=np.int64),
            "attention_mask": np.array([one.attention_mask], dtype=np.int64),
            "token_type_ids": np.array([one.type_ids], dtype=np.int64),
        }
        for one in encodings
    ]


def facts() -> Facts:
    """Return what the manifest says of the calibration."""
    return {
        "calibration": {
            "sentences": COUNT,
            "seed": SEED,
            "file": SENTENCES.name,
            "sha256": file_sha256(SENTENCES),
        }
    }
