"""State measured accuracy in the embedded model's card: accuracy.json, answers.json, README.md's table.

    python -m src accuracy --engines all --dataset SST2_DEV.tsv --dataset LABELLED.tsv --json > FILE
    python -m tools.state_accuracy FILE --name "SST-2 dev + Sentiment Labelled Sentences"

Refuses a FILE that is not of the embedded model or has failures. Then each engine answers data/sentences.csv:
by these answers another host tells whether its engine is the one whose accuracy was stated.
"""

import argparse
import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

from src.accuracy import confirming
from src.accuracy.datasets import SENTENCES, read_csv
from src.bench.sitting import Sitting
from src.engines import registry
from src.host.lock import host_lock
from src.model import cache, embedded
from src.model.source import ModelSource
from src.workers.building import CHECKPOINT
from src.workers.pool import Pool

CARD = embedded.ADAPTER_FOLDER / "README.md"
DIGITS = 4  # of a logit


def table(result: dict[str, Any]) -> str:
    lines = [
        "| engine | accuracy | 95 % interval | labels as PyTorch FP32 | largest logit difference "
        "| drop, one-sided 95 % bounds | gate |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["engines"]:
        low, high = row["ci95"]
        gate = row["gate"]
        lines.append(
            f"| `{row['engine']}` | {row['accuracy']:.4f} | {low:.4f} to {high:.4f} | "
            f"{result['n'] - row['flips']} of {result['n']} | {row['max_abs_delta_logit']:.2g} | "
            f"{gate['drop']:.2%}, {gate['low']:.2%} to {gate['high']:.2%} | {gate['state']} |"
        )
    return "\n".join(lines)


def answers(engines: list[dict[str, Any]]) -> dict[str, list[list[float]]]:
    """Return each engine's logits of data/sentences.csv. Exits where one is not what was measured."""
    texts = [text for text, _ in read_csv(SENTENCES)]
    model = ModelSource("embedded")
    logits = {}
    with closing(Pool()) as pool, host_lock("accuracy", print, pool.pause):
        for row in engines:
            spec = registry.get(row["engine"])
            sitting = Sitting(pool, model, 2, lambda _: None)
            if not sitting.build([spec]):
                raise SystemExit(f"{spec.id}: {sitting.failures}")
            tokenizer = cache.required(CHECKPOINT, model).folder / "tokenizer.json"
            sitting.checkpoint()
            sitting.load([spec], tokenizer)
            worker = sitting.workers[spec.id]
            theirs = {name: row["fingerprint"][name] for name in ("model", "artifact", "artifact_sha256")}
            ours = {name: getattr(worker.fingerprint, name) for name in theirs}
            if ours != theirs:
                raise SystemExit(f"{spec.id} is {ours} now and was {theirs}. Measure its accuracy again.")
            answered = confirming.answers(worker, "answers", texts)
            logits[spec.id] = [[round(value, DIGITS) for value in pair] for pair in answered]
            pool.drop(spec.id)
            print(f"{spec.id} answered", flush=True)
    return logits


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--name", required=True, help="of the data sets, as the pages show it")
    arguments = parser.parse_args()
    result = json.loads(arguments.file.read_text())
    if result["failures"] or result["model"] != ModelSource("embedded").name:
        raise SystemExit("The file has failures or is of another model. Measure the embedded model again.")
    for row in result["engines"]:
        del row["flipped"]  # sentences of the data set, which is not ours to keep here
    answered = {
        "sentences_sha256": embedded.file_sha256(SENTENCES),
        "engines": answers(result["engines"]),
    }
    stored = {"adapter_sha256": embedded.adapter_facts()["sha256"], **result, "dataset": arguments.name}
    (embedded.ADAPTER_FOLDER / "accuracy.json").write_text(json.dumps(stored, indent=2) + "\n")
    (embedded.ADAPTER_FOLDER / "answers.json").write_text(json.dumps(answered) + "\n")
    host = result["host"]
    where = f"{host['cpu']} ({', '.join(host['cpu_flags'])}), {host['system']}"
    how = "by `python -m src accuracy`, one sentence at a time."
    text = f"{table(result)}\n\nMeasured at {result['measured_at']}, {where},\n{how}"
    heading = f"## Accuracy on {arguments.name} ({result['n']:,} sentences)"
    card = CARD.read_text()
    pattern = r"## Accuracy on [^\n]*\n\n.*?(\n\nThe interval is)"
    CARD.write_text(
        re.sub(pattern, lambda part: f"{heading}\n\n{text}{part[1]}", card, count=1, flags=re.DOTALL)
    )


if __name__ == "__main__":
    main()
