"""Labelled sentences for accuracy: files, the hub's, or the project's own."""

import csv
from collections.abc import Sequence
from pathlib import Path

from src.errors import Explained
from src.model import calibration

SENTENCES = calibration.SENTENCES  # the data set without another one
HUB = "hub"  # SST-2's validation part, fetched
HUB_REPOSITORY, HUB_FILE = "stanfordnlp/sst2", "data/validation-00000-of-00001.parquet"


class BadDataset(Explained, ValueError):
    """The data set cannot be read. The message names the line and what was expected."""


def pool(datasets: Sequence[str]) -> tuple[str, list[tuple[str, int]]]:
    """Return the names and the (text, label) rows of some data sets, or of the project's own sentences.

    A sentence of several sets counts once, and not at all where they label it otherwise. Raises BadDataset.
    """
    sets = [read(dataset) for dataset in datasets] or [read(None)]
    if len(sets) == 1:
        return sets[0]
    labels: dict[str, set[int]] = {}
    for _, rows in sets:
        for text, label in rows:
            labels.setdefault(text, set()).add(label)
    rows = [(text, given.pop()) for text, given in labels.items() if len(given) == 1]
    return " + ".join(name for name, _ in sets), rows


def read(dataset: str | None) -> tuple[str, list[tuple[str, int]]]:
    """Return the name and the (text, label) rows of a data set: a file (.tsv, or .csv with the columns text
    and label), `hub`, or the project's own sentences by default. Raises BadDataset.
    """
    if dataset == HUB:
        return "SST-2 validation", read_hub()
    path = Path(dataset) if dataset else SENTENCES
    return path.name, read_csv(path) if path.suffix == ".csv" else read_tsv(path)


def read_hub() -> list[tuple[str, int]]:
    """Return SST-2's validation part from the hub. Raises BadDataset where that cannot be reached."""
    import pandas as pd
    from huggingface_hub import hf_hub_download

    try:
        path = hf_hub_download(HUB_REPOSITORY, HUB_FILE, repo_type="dataset")
    except Exception as error:
        raise BadDataset(
            f"{HUB_REPOSITORY} could not be fetched ({type(error).__name__}). Give a file with --dataset."
        ) from error
    frame = pd.read_parquet(path)
    return [(str(text), int(label)) for text, label in zip(frame["sentence"], frame["label"], strict=True)]


def read_csv(path: Path) -> list[tuple[str, int]]:
    """Return (text, label) of a CSV file with these two columns. Raises BadDataset."""
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        return [(row["text"], int(row["label"])) for row in rows]
    except (OSError, UnicodeDecodeError, KeyError, ValueError, csv.Error) as error:
        raise BadDataset(f"{path} is no CSV of text and label ({error}). Labels are 0 and 1.") from error


def read_tsv(path: Path) -> list[tuple[str, int]]:
    """Return (text, label) of each line `text<TAB>label`, label 0 or 1 (positive). Raises BadDataset."""
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataset(
            f"{path} cannot be read ({error}). Give a UTF-8 file of text<TAB>label lines."
        ) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        text, _, label_text = line.rstrip("\r").rpartition("\t")
        if label_text not in ("0", "1") or not text:
            raise BadDataset(
                f"{path}, line {number}: expected text<TAB>label with label 0 or 1, found {line[:60]!r}."
            )
        rows.append((text, int(label_text)))
    if not rows:
        raise BadDataset(f"{path} has no rows. Give a file of text<TAB>label lines.")
    return rows
