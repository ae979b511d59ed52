"""Somebody's own texts: the lengths that stand for them in a search, and for how large a share of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from src.bench.inputs import LONGEST, SHORTEST
from src.engines.text import load_tokenizer
from src.model import cache, embedded, source
from src.search.asked import Asked, BadSearch
from src.workers.building import CHECKPOINT

GROUPS = 4  # of equally many texts; a race measures a length for each
MOST_MB = 64
ADVICE = "Give a UTF-8 file with a text a line."


@dataclass(frozen=True)
class Workload:
    """The lengths in tokens, [CLS] and [SEP] included, that stand for some texts, shortest first, and the
    share of the texts that each stands for; their sum is 1.
    """

    lengths: tuple[int, ...]
    shares: tuple[float, ...]


def read(path: Path) -> list[str]:
    """Return the texts of a file, as `parse` does. Raises BadSearch."""
    try:
        with path.open("rb") as stream:
            return parse(stream.read(MOST_MB * 1_000_000 + 1), path.name)
    except OSError as error:
        raise BadSearch(f"{path} cannot be read ({error.strerror or error}). {ADVICE}") from error


def parse(data: bytes, name: str) -> list[str]:
    """Return the texts of a file's content, one a line; of a .tsv what is before its last tab. Raises
    BadSearch.
    """
    if len(data) > MOST_MB * 1_000_000:
        raise BadSearch(f"{name} has more than {MOST_MB} MB. Give a sample of your texts.")
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise BadSearch(f"{name} is not UTF-8 ({error.reason}). {ADVICE}") from error
    if name.endswith(".tsv"):
        lines = [line.rpartition("\t")[0] or line for line in lines]
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise BadSearch(f"{name} has no texts. {ADVICE}")
    return texts


def workload(counts: Sequence[int]) -> Workload:
    """Return the lengths that stand for texts of so many tokens each.

    The texts are cut by length into GROUPS of equally many, and the mean of a group stands for it: within a
    group latency grows with length nearly as a line does, so its latency at the mean is its mean latency.
    """
    ordered = sorted(min(max(count, SHORTEST), LONGEST) for count in counts)
    groups = [ordered[len(ordered) * n // GROUPS : len(ordered) * (n + 1) // GROUPS] for n in range(GROUPS)]
    shares: dict[int, float] = {}
    for group in filter(None, groups):
        length = round(sum(group) / len(group))
        shares[length] = shares.get(length, 0.0) + len(group) / len(ordered)
    return Workload(tuple(shares), tuple(shares.values()))


def count_tokens(texts: Sequence[str], model: source.ModelSource) -> list[int]:
    """Return how many tokens each text has, [CLS] and [SEP] included; engines see no more than 512. Raises
    ModelError for a model of the hub that was not fetched yet.
    """
    if model.kind == "embedded":
        folder = embedded.packaged_encoder()
    else:
        folder = Path(model.location) if model.kind == "folder" else cache.required(CHECKPOINT, model).folder
    tokenizer = load_tokenizer(str(folder / "tokenizer.json"))
    return [len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))]


def asked_of(asked: Asked, texts: Sequence[str], name: str) -> Asked:
    """Return a search that is for the texts of a file of this name. Raises ModelError."""
    stands_for = workload(count_tokens(texts, source.parse(asked.model or None)))
    return replace(asked, lengths=stands_for.lengths, shares=stands_for.shares, texts=name)
