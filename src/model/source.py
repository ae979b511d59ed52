"""Which checkpoint is run: the embedded model, a local folder, or the write-up's model from the hub."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from src.facts import Facts
from src.model import ModelError
from src.model.embedded import adapter_fingerprint, file_sha256

VARIABLE = "AWIY_MODEL"
HUB_REPOSITORY = "philschmid/MiniLM-L6-H384-uncased-sst2"
# The branch main has a pickle only; this is the pull request that converts it to safetensors. Its commit is
# not known here, so the one that was fetched is recorded in the artifact's manifest.
HUB_REVISION = "refs/pr/1"
FOLDER_FILES = ("config.json", "model.safetensors", "tokenizer.json")


@dataclass(frozen=True)
class ModelSource:
    """A checkpoint to use. `kind` is embedded, folder or hub; `location` a folder or a hub repository."""

    kind: str
    location: str = ""
    revision: str = ""

    @property
    def name(self) -> str:
        """The name shown beside every number."""
        if self.kind == "embedded":
            return "Embedded MiniLM-L6-H384 (SST-2 adapter)"
        return f"{self.location}@{self.revision}" if self.revision else Path(self.location).name

    def fingerprint(self) -> str:
        """Return a hash of what this source will load. Raises ModelError when something is missing."""
        if self.kind == "embedded":
            return adapter_fingerprint()
        if self.kind == "hub":
            return hashlib.sha256(f"{self.location}@{self.revision}".encode()).hexdigest()
        parts = [file_sha256(Path(self.location) / name) for name in FOLDER_FILES]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    def to_text(self) -> str:
        """Return the text that `parse` reads back to this source."""
        return {"embedded": "embedded", "hub": "hub"}.get(self.kind, self.location)


def parse(text: str | None = None) -> ModelSource:
    """Return the source named by `embedded`, `hub`, or a folder; by AWIY_MODEL or the embedded one without a
    text.

    Raises ModelError when the folder is no usable checkpoint.
    """
    text = text or os.environ.get(VARIABLE) or "embedded"
    if text == "embedded":
        return ModelSource("embedded")
    if text in ("hub", HUB_REPOSITORY):
        return ModelSource("hub", HUB_REPOSITORY, HUB_REVISION)
    folder = Path(text).expanduser().resolve()
    absent = absent_files(folder)
    if absent:
        raise ModelError(
            f"The model folder {folder} lacks {', '.join(absent)}. Give a Transformers checkpoint's folder, "
            "“embedded”, or “hub”."
        )
    check_config(folder)
    return ModelSource("folder", str(folder))


def absent_files(folder: Path) -> list[str]:
    """Return which of FOLDER_FILES a checkpoint's folder lacks."""
    return [name for name in FOLDER_FILES if not (folder / name).is_file()]


def check_config(folder: Path) -> Facts:
    """Return the config of a checkpoint. Raises ModelError unless it is a two-label BERT classifier."""
    try:
        config: Facts = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'} is not JSON ({error}).") from error
    if not isinstance(config, dict):
        raise ModelError(f"{folder / 'config.json'} is no JSON object.")
    labels = len(config.get("id2label") or {}) or config.get("num_labels", 2)
    if config.get("model_type") != "bert" or labels != 2:
        raise ModelError(
            f"{folder.name} is a {config.get('model_type')} model with {labels} labels; expected BERT "
            f"with two."
        )
    return config


def positive_index(config: Facts) -> int:
    """Return which logit means positive: the label that says so, else 1 as in the write-up's model."""
    labels = config.get("id2label") or {}
    named = [int(index) for index, label in labels.items() if str(label).lower().startswith("pos")]
    return named[0] if len(named) == 1 else 1


def architecture(config: Facts) -> str:
    """Return the architecture in the words of the stored references, such as `MiniLM-L6-H384`."""
    layers, hidden = config["num_hidden_layers"], config["hidden_size"]
    shape = (layers, hidden, config["num_attention_heads"], config["intermediate_size"])
    return "MiniLM-L6-H384" if shape == (6, 384, 12, 1536) else f"BERT-L{layers}-H{hidden}"
