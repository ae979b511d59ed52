"""What of an engine goes into a bundle, by what it is implemented with: files, packages, settings, code."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from src.engines import ctranslate2, openvino, options
from src.engines.spec import EngineSpec
from src.errors import Explained
from src.facts import Facts
from src.home import ROOT

TEMPLATES = ROOT / "data" / "bundle"
# Where these lines of infer.py are, the code of the runtime and of the tokenizer goes.
IMPORTS = ("from runtime import load\n", "from texts import load_tokenizer\n")
BEFORE = "\n\nclass Classifier:"


class NoBundle(Explained, ValueError):
    """Nothing can be handed over. The message says why, and what to do."""


# (the row, its threads, the folder of its artifact) -> what the code reads of settings.json
Settings = Callable[[EngineSpec, int, Path], Facts]


@dataclass(frozen=True)
class Runtime:
    """`code` is a file of data/bundle/runtimes, `packages` what it imports, `files` those of the artifact
    that it reads, as patterns.
    """

    code: str
    packages: tuple[str, ...]
    files: tuple[str, ...]
    settings: Settings

    def infer(self, tokenizer: str) -> str:
        """Return infer.py with the code of the runtime and of the tokenizer's library in it."""
        files = (f"tokenizers/{tokenizer}.py", f"runtimes/{self.code}")
        code = "".join(f"\n\n{(TEMPLATES / name).read_text(encoding='utf-8')}" for name in files)
        common = (TEMPLATES / "infer.py").read_text(encoding="utf-8")
        for line in IMPORTS:
            common = common.replace(line, "")
        return common.replace(BEFORE, f"{code}{BEFORE}")


def of_onnxruntime(spec: EngineSpec, threads: int, artifact: Path) -> Facts:
    return {"session": {option.key: value for option, value in options.given(spec, threads)}}


def of_openvino(spec: EngineSpec, threads: int, artifact: Path) -> Facts:
    return {
        "file": openvino.model_file(str(artifact)).rpartition("/")[2],
        "a_graph_a_length": not spec.implementation.endswith(":OpenVinoDynamicEngine"),
        "lengths_kept": openvino.SPARE_SHAPES,
        "properties": openvino.properties(spec, threads),
    }


def of_ctranslate2(spec: EngineSpec, threads: int, artifact: Path) -> Facts:
    return {"compute_type": ctranslate2.COMPUTE[spec.precision]}


def of_pytorch(spec: EngineSpec, threads: int, artifact: Path) -> Facts:
    return {"dtype": "bfloat16" if spec.precision == "bf16" else "float32"}


ONNX_RUNTIME = Runtime("onnxruntime.py", ("onnxruntime",), ("model.onnx",), of_onnxruntime)
OPENVINO = Runtime("openvino.py", ("openvino",), ("model.xml", "model.bin", "model.onnx"), of_openvino)
RUNTIMES = {
    "src.engines.onnxruntime:OnnxRuntimeEngine": ONNX_RUNTIME,
    "src.engines.onnxruntime:PortableEngine": ONNX_RUNTIME,
    "src.engines.openvino:OpenVinoEngine": OPENVINO,
    "src.engines.openvino:OpenVinoDynamicEngine": OPENVINO,
    "src.engines.ctranslate2:CTranslate2Engine": Runtime(
        "ctranslate2.py",
        ("ctranslate2",),
        ("config.json", "head.npz", "model.bin", "vocabulary.*"),
        of_ctranslate2,
    ),
    "src.engines.torchscript:TorchScriptEngine": Runtime(
        "torchscript.py", ("torch",), ("model.pt",), lambda *_: {}
    ),
    "src.engines.pytorch:PyTorchEngine": Runtime(
        "pytorch.py", ("torch", "transformers"), ("config.json", "model.safetensors"), of_pytorch
    ),
}


def packages(spec: EngineSpec) -> tuple[str, ...]:
    """Return what an engine's code imports."""
    return (*of_engine(spec).packages, "numpy", options.tokenizer(spec))


def of_engine(spec: EngineSpec) -> Runtime:
    """Return how an engine is handed over. Raises NoBundle for one that cannot be so far."""
    runtime = RUNTIMES.get(spec.implementation)
    if not runtime:
        known = ", ".join(sorted({path.rpartition(":")[0].rpartition(".")[2] for path in RUNTIMES}))
        raise NoBundle(
            f"{spec.title} cannot be handed over as a folder so far. Choose another of those that tie, of "
            f"{known}: --engine."
        )
    return runtime


def settings(spec: EngineSpec, threads: int, artifact: Path, positive_index: int, max_tokens: int) -> Facts:
    """Return settings.json of an engine that may use so many threads."""
    labels = ["negative", "positive"] if positive_index == 1 else ["positive", "negative"]
    used = options.threads(spec, threads)
    common = {"threads": used, "max_tokens": max_tokens, "labels": labels}
    return {**common, **of_engine(spec).settings(spec, used, artifact)}


def model_files(runtime: Runtime, artifact: Path) -> list[Path]:
    """Return the files of an artifact that are shipped."""
    return sorted(path for pattern in runtime.files for path in artifact.glob(pattern))
