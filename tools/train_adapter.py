"""Train the embedded model's adapter on SST-2 and write it to data/default_model/.

    python -m tools.train_adapter DATA_FOLDER [--epochs 5] [--rank 48]

DATA_FOLDER holds train.tsv (text, label), train_phrases.tsv (label, sentence; with a header) and dev.tsv
(text, label). Epochs are chosen on sentences held out of train; with --held-out 0, once their number is
known, all of train is used and the last epoch is kept. dev is read once, at the end, to state the accuracy.
Needs peft beside requirements.txt (tools/requirements-train.txt). Every epoch that improves is saved at once.
"""

import argparse
import hashlib
import json
import random
import re
import shutil
import time
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.numpy import save_file
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
    get_linear_schedule_with_warmup,
)

from src.model import embedded

MAX_LENGTH = 64


def normal(text: str) -> str:
    """Return text as train.tsv and dev.tsv write it: no hyphens, single spaces."""
    return " ".join(text.replace("-", " ").split())


def key(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def read_tsv(path: Path, text_column: int, label_column: int, header: bool = False) -> list[tuple[str, int]]:
    lines = path.read_text(encoding="utf-8").splitlines()[int(header) :]
    rows = [line.split("\t") for line in lines if line.strip()]
    return [(normal(row[text_column]), int(row[label_column])) for row in rows]


def word_runs(text: str, least: int = 4) -> set[str]:
    words = text.split()
    return {
        key(" ".join(words[start:end]))
        for start in range(len(words))
        for end in range(start + least, len(words) + 1)
    }


def split(
    data: Path, seed: int, held_out_rows: int
) -> tuple[list[tuple[str, int]], list[tuple[str, int]], int]:
    """Return training rows, held-out sentences and how many rows were dropped because dev has their text.

    A phrase of four or more words of a held-out sentence leaves the training rows too.
    """
    sentences = read_tsv(data / "train.tsv", 0, 1)
    phrases = read_tsv(data / "train_phrases.tsv", 1, 0, header=True)
    dev = {key(text) for text, _ in read_tsv(data / "dev.tsv", 0, 1)}
    random.Random(seed).shuffle(sentences)
    held_out = [row for row in sentences[:held_out_rows] if key(row[0]) not in dev]
    hidden = {key(text) for text, _ in held_out}.union(*(word_runs(text) for text, _ in held_out))
    # Exact repeats of a phrase teach nothing more; full sentences stay in twice, as the task is about
    # sentences.
    unique = list(dict.fromkeys(phrases)) + sentences[held_out_rows:]
    clean = [row for row in unique if key(row[0]) not in dev]
    train = [row for row in clean if key(row[0]) not in hidden and row[0]]
    return train, held_out, len(unique) - len(clean)


def batches(rows: list[tuple[str, int]], size: int, rng: random.Random) -> list[list[tuple[str, int]]]:
    """Return shuffled batches whose texts have similar lengths, so that little is padded."""
    rows = rows[:]
    rng.shuffle(rows)
    made: list[list[tuple[str, int]]] = []
    for start in range(0, len(rows), size * 50):
        chunk = sorted(rows[start : start + size * 50], key=lambda row: len(row[0]))
        made += [chunk[at : at + size] for at in range(0, len(chunk), size)]
    rng.shuffle(made)
    return made


def encode(tokenizer: BertTokenizerFast, texts: list[str]) -> dict[str, torch.Tensor]:
    return tokenizer(texts, padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")


@torch.inference_mode()
def accuracy(model: torch.nn.Module, tokenizer: BertTokenizerFast, rows: list[tuple[str, int]]) -> float:
    model.eval()
    ordered = sorted(rows, key=lambda row: len(row[0]))
    right = 0
    for start in range(0, len(ordered), 64):
        part = ordered[start : start + 64]
        predicted = model(**encode(tokenizer, [text for text, _ in part])).logits.argmax(-1)
        right += int((predicted == torch.tensor([label for _, label in part])).sum())
    return right / len(rows)


def adapter_arrays(model: torch.nn.Module) -> dict[str, np.ndarray]:
    """Return the trained arrays in FP16 under the names that src.model.embedded.merge reads."""
    arrays: dict[str, np.ndarray] = {}
    for name, tensor in model.state_dict().items():
        short = name.removeprefix("base_model.model.")
        found = re.fullmatch(r"(bert\..*)\.(lora_[AB])\.default\.weight", short)
        if found:
            arrays[f"{found[1]}.{found[2]}"] = tensor.numpy().astype(np.float16)
        elif ".modules_to_save.default." in short:
            arrays[short.replace(".modules_to_save.default", "")] = tensor.numpy().astype(np.float16)
    return arrays


def save(model: torch.nn.Module, folder: Path, facts: dict[str, object]) -> None:
    target = folder / "adapter.safetensors"
    save_file(adapter_arrays(model), target)
    target.chmod(0o644)
    facts["sha256"] = hashlib.sha256(target.read_bytes()).hexdigest()
    (folder / "adapter.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=embedded.ADAPTER_FOLDER)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rank", type=int, default=48)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--batch-size", type=int, default=48)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--held-out", type=int, default=700, help="sentences of train to choose the epoch by")
    parser.add_argument("--average", type=float, default=0.0, help="decay of the weights' moving average")
    parser.add_argument("--limit", type=int, default=None, help="use only this many training rows (a trial)")
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    rng = random.Random(arguments.seed)
    train, held_out, dropped = split(arguments.data, arguments.seed, arguments.held_out)
    train = train[: arguments.limit]
    print(
        f"{len(train)} training rows, {len(held_out)} held out, {dropped} dropped for standing in dev",
        flush=True,
    )

    encoder = embedded.packaged_encoder()
    tokenizer = BertTokenizerFast(vocab_file=str(encoder / "vocab.txt"), do_lower_case=True)
    config = BertConfig.from_pretrained(embedded.ADAPTER_FOLDER)
    base = BertForSequenceClassification(config)
    weights = {name: torch.from_numpy(array) for name, array in embedded.encoder_weights(encoder).items()}
    left = base.load_state_dict(weights, strict=False)
    assert not left.unexpected_keys, left
    assert all("pooler" in k or "classifier" in k for k in left.missing_keys), left
    # "dense" alone would match the pooler as well.
    targets = r"bert\.encoder\.layer\.\d+\.(attention\.self\.(query|key|value)|.*\.dense)"
    lora = LoraConfig(
        r=arguments.rank,
        lora_alpha=2 * arguments.rank,
        target_modules=targets,
        modules_to_save=["bert.pooler.dense", "classifier"],
    )
    model = get_peft_model(base, lora)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    print(f"{sum(parameter.numel() for parameter in trained)} trained parameters", flush=True)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(arguments.average))
    optimiser = torch.optim.AdamW(trained, lr=arguments.learning_rate, weight_decay=0.01)
    steps = len(batches(train, arguments.batch_size, random.Random(0))) * arguments.epochs
    schedule = get_linear_schedule_with_warmup(optimiser, int(0.06 * steps), steps)

    facts: dict[str, object] = {
        "base": embedded.PACKAGE_PIN,
        "base_sha256": embedded.ENCODER_SHA256,
        "rank": arguments.rank,
        "alpha": 2 * arguments.rank,
        "recipe": {name: value for name, value in vars(arguments).items() if name not in ("data", "out")},
        "training_rows": len(train),
        "held_out_rows": len(held_out),
        "dropped_for_dev": dropped,
    }
    best, started, step = 0.0, time.monotonic(), 0
    for epoch in range(1, arguments.epochs + 1):
        model.train()
        losses: list[float] = []
        for batch in batches(train, arguments.batch_size, rng):
            labels = torch.tensor([label for _, label in batch])
            with torch.autocast("cpu", torch.bfloat16):  # twice as fast where the CPU has AVX-512 BF16
                loss = model(**encode(tokenizer, [text for text, _ in batch]), labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
            averaged.update_parameters(model)
            losses.append(float(loss.detach()))
            step += 1
            if step % 50 == 0:
                print(
                    f"step {step}/{steps} loss {np.mean(losses[-50:]):.4f} "
                    f"{time.monotonic() - started:.0f} s",
                    flush=True,
                )
        reached = accuracy(averaged.module, tokenizer, held_out) if held_out else None
        print(f"epoch {epoch}: loss {np.mean(losses):.4f}, held-out accuracy {reached}", flush=True)
        if reached is None or reached >= best:
            best = reached or 0.0
            save(
                averaged.module, arguments.out, facts | {"chosen_epoch": epoch, "held_out_accuracy": reached}
            )

    if not (arguments.out / "config.json").exists():
        shutil.copy(embedded.ADAPTER_FOLDER / "config.json", arguments.out)
    arrays = embedded.merge(
        embedded.encoder_weights(encoder),
        embedded.load_adapter(arguments.out),
        2.0,
    )
    final = BertForSequenceClassification(config)
    final.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    dev = read_tsv(arguments.data / "dev.tsv", 0, 1)
    print(
        f"SST-2 dev accuracy of the merged FP16 adapter: {accuracy(final, tokenizer, dev):.4f} (n = "
        f"{len(dev)})"
    )


if __name__ == "__main__":
    main()
