"""What exactly was measured: which weights, in which artifact, by which runtime, on which CPU.

An engine's id says none of that: the same id is another file for other weights or another instruction set,
and other answers by another release of its runtime.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from src.model import source
from src.model.cache import Artifact

# A runtime tells its release in its engine's facts under its own name.
RUNTIMES = (
    *("onnxruntime", "openvino", "ctranslate2", "torch", "ipex", "zentorch", "torchao", "transformers"),
    *("cuda", "gpu"),
)
DIGITS = 12  # hexadecimal, of a fingerprint
NOT_RECORDED = "not recorded"  # what a reader sees where an earlier version kept nothing


@dataclass(frozen=True)
class Fingerprint:
    """What an engine's figures and answers hang on; "" is what was not recorded.

    `model` is a hash of the weights, `artifact` the key of what the engine loaded (src/model/recipe.py),
    `artifact_sha256` a hash of its files, `runtime` the releases it ran on, `cpu` a hash of what chooses
    kernels: the CPU's name, its instruction sets and caches.
    """

    engine: str
    model: str = ""
    artifact: str = ""
    artifact_sha256: str = ""
    runtime: str = ""
    cpu: str = ""

    @property
    def complete(self) -> bool:
        """Tell whether all of it was recorded: only then can it be said to be the same as another."""
        return all(getattr(self, field.name) for field in fields(self))

    def same(self, other: "Fingerprint") -> bool:
        """Tell whether both are known to be of one engine, artifact, runtime and CPU. What a build leaves in
        a file by chance, such as its time, does not part two files of one key.
        """
        known = self.complete and other.complete
        return known and self.parts == other.parts

    @property
    def parts(self) -> tuple[str, ...]:
        return self.engine, self.model, self.artifact, self.runtime, self.cpu


UNKNOWN = Fingerprint("")


def digest(value: Any) -> str:
    """Return the first DIGITS of the SHA-256 of a value's JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:DIGITS]


def of_model(model: source.ModelSource, checkpoint: Artifact) -> str:
    """Return the fingerprint of the weights in use. A revision of the hub may move, so that there what was
    fetched counts. Raises ModelError where the model is gone.
    """
    if model.kind == "hub":
        return str(checkpoint.manifest["files"]["model.safetensors"]["sha256"])[:DIGITS]
    return model.fingerprint()[:DIGITS]


def of_cpu(host: Mapping[str, Any]) -> str:
    """Return the key of a CPU from the facts of its host; "" where they lack its instruction sets."""
    if not host.get("isa") or not host.get("cpu"):
        return ""
    return digest([host["cpu"], list(host["isa"]), list(host.get("caches") or [])])


def of_files(facts: Mapping[str, Any]) -> str:
    """Return a hash of an artifact's files from what its engine tells of it; "" where it does not."""
    built = facts.get("built")
    files = built.get("files") if isinstance(built, Mapping) else None
    if not isinstance(files, Mapping) or not files:
        return ""
    return digest({name: file.get("sha256") for name, file in files.items() if isinstance(file, Mapping)})


def runtime(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the releases that an engine's facts name, by runtime."""
    return {name: facts[name] for name in RUNTIMES if isinstance(facts.get(name), str)}


def in_words(releases: Mapping[str, str] | None) -> str:
    """Return releases by runtime as text; "" for none."""
    return ", ".join(f"{name} {release}" for name, release in (releases or {}).items())


def of_engine(
    engine: str, model: str, artifact: str | None, facts: Mapping[str, Any], cpu: str
) -> Fingerprint:
    """Return the fingerprint of a loaded engine: `artifact` is the key of what it loaded, `facts` what it
    told, `model` and `cpu` what `of_model` and `of_cpu` said.
    """
    return Fingerprint(engine, model, artifact or "", of_files(facts), in_words(runtime(facts)), cpu)
