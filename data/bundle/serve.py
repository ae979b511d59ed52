"""The classifier behind HTTP, by the API that Hugging Face Infinity had. Needs requirements-serve.txt, too.

    python serve.py [--host 127.0.0.1] [--port 8080]
    curl http://127.0.0.1:8080/predict -d '{"inputs": "A warm and funny film."}'

answers {"probabilities": [negative, positive], "info": {…}}; the header x-compute-time has its seconds,
without those of HTTP. Each request is a line of JSON on standard output, without its text. With SERVE_KEY
set, who asks sends it: Authorization: Bearer KEY.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import isfinite
from pathlib import Path
from typing import Any

import infer
from server import Answers, Limits, Server, Unanswered, run

WARM_UP_CALLS = 40


# --- what answers


class BundleClassifier:
    """infer.py's classifier. It loads and answers in one thread of its own: HTTP goes on beside it, and a
    runtime's threads are not counted twice.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.thread = ThreadPoolExecutor(max_workers=1)
        self.classifier: Any = self.thread.submit(infer.Classifier).result()
        self.settings = self.classifier.settings
        self.longer_ids = infer.load_tokenizer(self.settings["max_tokens"] + 1)

    async def warm_up(self) -> None:
        for number in range(WARM_UP_CALLS):
            await self.infer([self.texts[number % len(self.texts)]])

    async def infer(self, texts: Sequence[str]) -> Answers:
        try:
            return await asyncio.get_running_loop().run_in_executor(self.thread, self.answers, texts)
        except Exception as error:  # a runtime may raise anything
            raise Unanswered(f"The engine failed: {type(error).__name__}: {error}") from error

    def answers(self, texts: Sequence[str]) -> Answers:
        """Answer each text by itself: its answer does not depend on what else was sent with it."""
        clock, most = time.perf_counter, self.settings["max_tokens"]
        positive = self.settings["labels"].index("positive")
        rows, tokens, truncated = [], [], []
        tokenization_s = inference_s = 0.0
        for text in texts:
            began = clock()
            given = self.classifier.inputs(text)
            read = clock()
            shares = infer.softmax(self.classifier.logits(*given)[0].tolist())
            inference_s += clock() - read
            tokenization_s += read - began
            if not all(map(isfinite, shares)):
                raise ValueError("its answer is no number")
            rows.append((shares[1 - positive], shares[positive]))
            tokens.append(given[0].shape[1])
            truncated.append(tokens[-1] >= most and len(self.longer_ids(text)) > most)
        return Answers(rows, tokens, truncated, tokenization_s, inference_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1", help="where (127.0.0.1: this machine alone)")
    parser.add_argument("--port", type=int, default=8080)
    arguments = parser.parse_args()
    here = Path(__file__).resolve().parent
    evidence, texts = (
        json.loads((here / name).read_text(encoding="utf-8")) for name in ("evidence.json", "texts.json")
    )
    about = {
        "name": evidence["configuration"],
        "version": evidence["search"],
        "platform": evidence["title"],
        "threads": evidence["threads"],
        "latency_ms_as_measured": evidence["latency_ms"],
        "packages": evidence["packages"],
    }
    classifier = BundleClassifier([text for some in texts.values() for text in some])
    key = os.environ.get("SERVE_KEY", "")
    server = Server(classifier, about, Limits(), key, lambda line: print(line, flush=True))
    run(server, arguments.host, arguments.port)


if __name__ == "__main__":
    main()
