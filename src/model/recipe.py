"""A recipe: a function that builds one artifact, and all that decides whether an older build still serves."""

import hashlib
import importlib
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from src import cpu, environments, libraries
from src.facts import Facts
from src.model import ModelError
from src.model.embedded import file_sha256
from src.model.source import ModelSource

# Instruction sets that change what a quantiser should produce; named as the kernel names them.
QUANTISATION_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp")

# (model, the folder to fill, the folders of what it needs) -> facts for the manifest; by name what is chosen
Build = Callable[..., Facts]
CHOICES = "~"  # between a recipe's import string and what is chosen of it, each as NAME=VALUE


@dataclass(frozen=True)
class Recipe:
    """How one artifact is made. `needs` are the import strings of recipes whose artifacts go in.

    `environment` is where it is made; its libraries decide, as does its Python.
    """

    name: str
    title: str
    build: Build
    needs: tuple[str, ...]
    libraries: tuple[str, ...]
    cpu: bool
    sources: tuple[Path, ...]
    environment: str

    def chosen(self, words: Sequence[str]) -> "Recipe":
        """Return this recipe with arguments, each as NAME=VALUE; its artifact is another one."""
        arguments = dict(word.split("=") for word in words)
        return replace(
            self,
            name=CHOICES.join([self.name, *words]),
            title=", ".join([self.title, *(f"{name} {value}" for name, value in arguments.items())]),
            build=partial(self.build, **arguments),
        )


def recipe(
    title: str,
    needs: tuple[str, ...] = (),
    libraries: tuple[str, ...] = (),
    cpu: bool = False,
    sources: tuple[Path, ...] = (),
    environment: str = environments.MAIN,
) -> Callable[[Build], Recipe]:
    """Make a recipe of a function.

    `cpu` says that the instruction set shapes the result; `sources` names code that does, beside its own.
    """

    def mark(function: Build) -> Recipe:
        module = importlib.import_module(function.__module__)
        name = f"{function.__module__}:{function.__name__}"
        paths = (Path(module.__file__ or ""), *sources)
        return Recipe(name, title, function, needs, libraries, cpu, paths, environment)

    return mark


def find(name: str) -> Recipe:
    """Return the recipe behind the import string `module:function`, or `module:function~NAME=VALUE~…`."""
    module, _, function = name.partition(":")
    function, *words = function.split(CHOICES)
    found: Recipe = getattr(importlib.import_module(module), function)
    return found.chosen(words) if words else found


def with_needs(names: list[str]) -> list[Recipe]:
    """Return these recipes and all they need, each once, in an order in which they can be built."""
    ordered: dict[str, Recipe] = {}

    def add(name: str) -> None:
        if name not in ordered:
            for need in find(name).needs:
                add(need)
            ordered[name] = find(name)

    for name in names:
        add(name)
    return list(ordered.values())


@lru_cache
def library_version(name: str) -> str:
    """Return the version of an installed library. Raises ModelError when it is not installed."""
    version = libraries.version(name)
    if not version:
        raise ModelError(f"{name} is needed to build artifacts. Run: pip install -r requirements.txt")
    return version


def cpu_flags() -> tuple[str, ...]:
    """Return this CPU's flags among QUANTISATION_FLAGS; none where the kernel does not tell."""
    return tuple(flag for flag in QUANTISATION_FLAGS if flag in cpu.flags())


def inputs(made: Recipe, model: ModelSource) -> Facts:
    """Return everything that shapes this artifact; its hash is the cache's key."""
    isolated = made.environment != environments.MAIN
    return {
        **({"environment": environments.fingerprint(made.environment)} if isolated else {}),
        "recipe": made.name,
        "sources": [file_sha256(path) for path in made.sources],
        "model": model.fingerprint(),
        "needs": {name: key(find(name), model) for name in made.needs},
        "libraries": {name: library_version(name) for name in made.libraries},
        "cpu": [platform.machine(), *cpu_flags()] if made.cpu else [platform.machine()],
    }


def key(made: Recipe, model: ModelSource) -> str:
    """Return the artifact's folder name: the recipe's own name and 16 hex digits of its inputs' hash."""
    digest = hashlib.sha256(json.dumps(inputs(made, model), sort_keys=True).encode()).hexdigest()
    return f"{made.name.rpartition(':')[2]}-{digest[:16]}"
