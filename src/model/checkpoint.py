"""The recipe of the checkpoint itself: from the package and adapter, a folder, or the hub."""

import shutil
from pathlib import Path

import numpy as np

from src.facts import Facts
from src.model import ModelError, embedded, source
from src.model.recipe import recipe
from src.model.source import FOLDER_FILES, ModelSource

COPIED = (*FOLDER_FILES, *embedded.TOKENIZER_FILES)


def fetch_hub(model: ModelSource) -> Path:
    """Return the downloaded snapshot's folder. Raises ModelError when the hub cannot be reached."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model.location, revision=model.revision, allow_patterns=list(COPIED)))
    except Exception as error:
        raise ModelError(
            f"{model.location} at {model.revision} could not be downloaded ({type(error).__name__}). "
            f"Check the network, "
            "or use the embedded model: unset AWIY_MODEL."
        ) from error


@recipe("Checkpoint", libraries=("safetensors",), sources=(Path(embedded.__file__),))
def checkpoint(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    """Write config.json, model.safetensors and a tokenizer.json without padding or truncation."""
    if model.kind == "embedded":
        embedded.write_checkpoint(folder)
    else:
        origin = fetch_hub(model) if model.kind == "hub" else Path(model.location)
        absent = source.absent_files(origin)
        if absent:
            raise ModelError(f"{model.name} lacks {', '.join(absent)}. Use another checkpoint.")
        for name in COPIED:
            if (origin / name).is_file():
                shutil.copyfile(origin / name, folder / name)
        (folder / "tokenizer.json").write_text(
            embedded.plain_tokenizer(origin / "tokenizer.json"), encoding="utf-8"
        )
    config = source.check_config(folder)
    return {
        "model": model.name,
        "fetched_commit": origin.name if model.kind == "hub" else None,
        "architecture": source.architecture(config),
        "positive_index": source.positive_index(config),
        "denormal_weights": denormal_weights(folder / "model.safetensors"),
    }


def denormal_weights(path: Path) -> int:
    """Return how many weights are too small for FP32's normal range: they slow some CPUs a hundredfold."""
    from safetensors.numpy import load_file

    smallest = np.finfo(np.float32).tiny
    return sum(
        int(np.count_nonzero((array != 0) & (np.abs(array) < smallest)))
        for array in load_file(path).values()
        if array.dtype == np.float32
    )
