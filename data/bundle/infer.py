"""The sentiment of a text, by the packages of requirements.txt alone.

    python infer.py "A warm and funny film."

prints the label of each text and its probability.
"""

import json
import sys
from math import exp
from pathlib import Path

import numpy as np
from runtime import load
from texts import load_tokenizer

HERE = Path(__file__).resolve().parent


def softmax(row):
    """Return the probabilities of a row of logits."""
    highest = max(row)
    weights = [exp(value - highest) for value in row]
    total = sum(weights)
    return [weight / total for weight in weights]


class Classifier:
    """Text in, label and probability out. One call at a time."""

    def __init__(self):
        self.settings = json.loads((HERE / "settings.json").read_text(encoding="utf-8"))
        self.token_ids = load_tokenizer(self.settings["max_tokens"])
        # (input_ids, attention_mask, token_type_ids), each int64 [1, tokens], in; logits [1, 2] out
        self.logits = load(self.settings)

    def inputs(self, text):
        """Return a text's token ids, its mask (nothing is padded) and its token types."""
        ids = np.array([self.token_ids(text)], dtype=np.int64)
        return ids, np.ones_like(ids), np.zeros_like(ids)

    def __call__(self, text):
        """Return the label of a text and its probability."""
        shares = softmax(self.logits(*self.inputs(text))[0].tolist())
        best = shares.index(max(shares))
        return self.settings["labels"][best], shares[best]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit('Give a text: python infer.py "A warm and funny film."')
    classify = Classifier()
    for sentence in sys.argv[1:]:
        print("{}: {} {:.4f}".format(sentence, *classify(sentence)))
