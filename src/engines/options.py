"""What an engine may be asked to do otherwise than its row does: ROW~NAME=VALUE~…, declared here as data.

`onnxruntime-int8-fused~spin=off~block=4` is that row with two options. What a runtime silently ignores is
found out when it is loaded: then the engine fails, instead of passing for something that was tried.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass, replace
from typing import Any, Dict, Iterable, List, Tuple

from src.engines.spec import EngineSpec
from src.environments import MAIN
from src.errors import Explained
from src.facts import Facts
from src.releases import without_version

SEPARATOR = "~"
LONGEST_ID = 71  # what files of runs and the store take
Chosen = Tuple[Tuple[str, str], ...]


class BadOption(Explained, ValueError):
    """An option that an engine does not have. The message lists those it has."""


@dataclass(frozen=True)
class Option:
    """One thing to choose of a runtime. `key` is the runtime's own name of it; `values` are what may be
    chosen instead of `usual`, by our names, and what the runtime is given for them. Of rows of these
    `precisions`, or of these `rows`, if any are named. What is a choice of the file has the import string of
    the `recipe` that makes it, and no key. What needs `packages` beside the row's is for rows of the main
    environment; what is `around` the engine makes a difference in scope `pipeline` alone.
    """

    name: str
    key: str
    values: Facts
    usual: str
    about: str
    precisions: Tuple[str, ...] = ()
    shares: bool = False  # of threads that share work: one alone has nothing of it
    rows: Tuple[str, ...] = ()
    recipe: str = ""
    packages: Tuple[str, ...] = ()
    around: bool = False


THREADS = Option(
    "threads",
    "",
    {"1": 1},
    "all",
    "How many of the threads given it uses. One alone hands nothing over: short texts may not be worth that.",
)

TOKENIZER = Option(
    "tokenizer",
    "",
    {"tokie": "tokie"},
    "tokenizers",
    "Which library makes token ids of a text. They must be the same, or the engine fails.",
    packages=("tokie",),
    around=True,
)


FileMaker = Tuple[Tuple[str, ...], str]  # rows, and the recipe that makes their file with choices
FUSED: FileMaker = (("onnxruntime-int8-fused",), "src.model.onnx_variant_files:int8_fused")
NNCF: FileMaker = (("openvino-int8", "openvino-int8-dynamic"), "src.model.openvino_files:int8")


def zero_denormals(key: str, value: Any) -> Option:
    """Return the option to take numbers next to zero for zero, by a runtime's own name of it."""
    about = "Whether numbers next to zero are taken for zero, which some CPUs compute faster."
    return Option("denormals", key, {"zero": value}, "kept", about)


def of_the_file(name: str, values: Tuple[str, ...], usual: str, about: str, maker: FileMaker) -> Option:
    """Return an option of the quantiser that makes the file of some rows."""
    rows, recipe = maker
    return Option(name, "", {value: value for value in values}, usual, about, rows=rows, recipe=recipe)


# Kernels and session keys: onnxruntime_session_options_config_keys.h of ONNX Runtime 1.32.
ONNX_RUNTIME = (
    THREADS,
    Option(
        "spin",
        "session.intra_op.allow_spinning",
        {"off": "0"},
        "on",
        "Whether threads that wait for work spin, which answers sooner and keeps CPUs busy.",
        shares=True,
    ),
    Option(
        "spin-us",
        "session.intra_op.spin_duration_us",
        {"50": "50", "200": "200", "1000": "1000"},
        "as it comes",
        "For how many µs a thread spins before it sleeps; from release 1.26.0 on.",
        shares=True,
    ),
    Option(
        "block",
        "session.dynamic_block_base",
        {"2": "2", "4": "4", "8": "8"},
        "0",
        "Into how many blocks a thread's work is cut, so that one that is held up leaves some to the others.",
        shares=True,
    ),
    zero_denormals("session.set_denormal_as_zero", "1"),
    Option(
        "gelu",
        "optimization.enable_gelu_approximation",
        {"fast": "1"},
        "exact",
        "An approximation of the activation: answers change a little, so accuracy has to be shown anew.",
    ),
    of_the_file("weights", ("u8",), "s8", "The type of the weights: kernels differ from CPU to CPU.", FUSED),
    of_the_file(
        "range",
        ("full",),
        "safe",
        "Where products could saturate, weights have 7 bits; with all 8 accuracy has to be shown anew.",
        FUSED,
    ),
    of_the_file(
        "keep",
        ("head", "ends", "attention"),
        "nothing",
        "What stays in FP32: the head behind the layers, the embeddings as well, or each layer's attention.",
        FUSED,
    ),
    TOKENIZER,
)

# Properties: docs.openvino.ai, CPU device, 2026; SNIPPETS_MODE is its plug-in's own.
OPENVINO = (
    THREADS,
    Option(
        "rest",
        "INFERENCE_PRECISION_HINT",
        {"bf16": "bf16"},
        "fp32",
        "In what precision the rest of an INT8 file is computed; BF16 where the CPU has it, or AVX-512.",
        ("int8",),
    ),
    zero_denormals("CPU_DENORMALS_OPTIMIZATION", True),
    Option(
        "streams",
        "NUM_STREAMS",
        {"2": 2},
        "1",
        "Into how many parts its threads are divided, each for a text of its own; one text alone uses one.",
        shares=True,
    ),
    Option(
        "pinning",
        "ENABLE_CPU_PINNING",
        {"on": True},
        "off",
        "Whether it binds each of its threads to a CPU of the process's own.",
    ),
    Option(
        "snippets",
        "SNIPPETS_MODE",
        {"all": "IGNORE_CALLBACK", "off": "DISABLE"},
        "by its own rules",
        "Whether attention is compiled into kernels of its own.",
    ),
    of_the_file(
        "activations",
        ("symmetric",),
        "asymmetric",
        "Whether their range lies around zero: less arithmetic, and half of it wasted where none is below.",
        NNCF,
    ),
    of_the_file(
        "smooth",
        ("off",),
        "on",
        "Whether outliers of activations are moved into the weights before; accuracy has to be shown anew.",
        NNCF,
    ),
    TOKENIZER,
)

COMPUTE = "In which type it multiplies; what the CPU does not have fails instead of being emulated."
# Types: opennmt.net/CTranslate2/quantization.html, 4.x.
CTRANSLATE2 = (
    THREADS,
    Option("compute", "compute_type", {"bf16": "bfloat16", "int16": "int16"}, "fp32", COMPUTE, ("fp32",)),
    Option("compute", "compute_type", {"bf16": "int8_bfloat16"}, "int8 with fp32", COMPUTE, ("int8",)),
    TOKENIZER,
)

# By what a row is implemented with: the same runtime with another's kernels has other options.
OPTIONS: Dict[str, Tuple[Option, ...]] = {
    "src.engines.onnxruntime:OnnxRuntimeEngine": ONNX_RUNTIME,
    "src.engines.onnxruntime:PortableEngine": ONNX_RUNTIME,
    "src.engines.ctranslate2:CTranslate2Engine": CTRANSLATE2,
    "src.engines.openvino:OpenVinoEngine": OPENVINO,
    "src.engines.openvino:OpenVinoDynamicEngine": OPENVINO,
}


def of_row(spec: EngineSpec) -> Tuple[Option, ...]:
    """Return the options of a row."""
    row = registry_row(spec.id)
    return tuple(
        one
        for one in OPTIONS.get(spec.implementation, ())
        if (not one.precisions or spec.precision in one.precisions)
        and (not one.rows or row in one.rows)
        and (not one.packages or spec.environment == MAIN)
    )


def configured(spec: EngineSpec, words: Iterable[str]) -> EngineSpec:
    """Return a row with options, each as NAME=VALUE; in the order in which its runtime declares them, so that
    one configuration has one id. Raises BadOption.
    """
    known = {option.name: option for option in of_row(spec)}
    chosen: Dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in known or value not in known[name].values or name in chosen:
            raise BadOption("“%s” is no option of %s. %s" % (word, spec.id, choices(spec)))
        chosen[name] = value
    ordered: Chosen = tuple((name, chosen[name]) for name in known if name in chosen)
    id = SEPARATOR.join([spec.id, *("%s=%s" % pair for pair in ordered)])
    if len(id) > LONGEST_ID:
        raise BadOption("“%s” is longer than %d characters. Ask for fewer options." % (id, LONGEST_ID))
    of_files = [pair for pair in ordered if known[pair[0]].recipe]
    recipe = known[of_files[0][0]].recipe if of_files else spec.recipe
    return replace(
        spec,
        id=id,
        title=", ".join([spec.title, *("%s %s" % pair for pair in ordered)]),
        options=ordered,
        packages=(*spec.packages, *(package for name, _ in ordered for package in known[name].packages)),
        recipe=SEPARATOR.join([recipe, *("%s=%s" % pair for pair in of_files)]) if recipe else None,
    )


def choices(spec: EngineSpec) -> str:
    """Return in words what may be chosen of a row."""
    options = of_row(spec)
    if not options:
        return "It has none."
    words = ["%s=%s" % (one.name, " or ".join(one.values)) for one in options]
    return "Choose of %s, each once." % "; ".join(words)


def row_of(id: str) -> str:
    """Return the id of an engine without its options."""
    return id.partition(SEPARATOR)[0]


def registry_row(id: str) -> str:
    """Return the id of the registry's row that an engine is, without its options and its release."""
    return without_version(row_of(id))


def given(spec: EngineSpec, threads: int = 2) -> List[Tuple[Option, Any]]:
    """Return what a configured row that uses so many threads gives its runtime: options, and the runtime's
    own values. Without those that the runtime has no name for. Raises RuntimeError for what one thread alone
    has nothing of.
    """
    known = {option.name: option for option in of_row(spec)}
    pairs = [(known[name], known[name].values[value]) for name, value in spec.options]
    for option, _ in pairs:
        if option.shares and threads == 1:
            raise RuntimeError(
                "With one thread the option %s does nothing. Give it more threads." % option.name
            )
    return [(option, value) for option, value in pairs if option.key]


def threads(spec: EngineSpec, most: int) -> int:
    """Return how many of `most` threads an engine uses."""
    return int(dict(spec.options).get(THREADS.name, most))


def tokenizer(spec: EngineSpec) -> str:
    """Return which library makes an engine's token ids."""
    return dict(spec.options).get(TOKENIZER.name, TOKENIZER.usual)


def has_text(path: str, text: str) -> bool:
    """Tell whether a file has this text in it: a library that does not know a key does not have its name."""
    with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text.encode()) >= 0


def told(spec: EngineSpec) -> Facts:
    """Return what an engine's facts say of its options; nothing where it has none."""
    return {"options": dict(spec.options)} if spec.options else {}
