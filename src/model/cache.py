"""The artifact cache: what was built once is found again by the hash of everything that shaped it.

An artifact is a folder with a manifest, written last. It is filled beside its place and moved there in one
step, under a lock of its own, so that an interrupted build is never found and two builders never collide.
"""

import json
import os
import shutil
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from src.facts import Facts
from src.home import home, locked, utc_now
from src.model import ModelError
from src.model import recipe as recipes
from src.model.embedded import file_sha256
from src.model.recipe import Recipe
from src.model.source import ModelSource

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Artifact:
    """A built artifact: its folder and its manifest (recipe, inputs, files with hashes and sizes, facts,
    build_s).
    """

    folder: Path
    manifest: Facts


def root() -> Path:
    folder = home() / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder


def place(name: str, model: ModelSource) -> Path:
    """Return the folder where a recipe's artifact is, or would be."""
    return root() / recipes.key(recipes.find(name), model)


def find(made: Recipe, model: ModelSource, verify: bool = False) -> Artifact | None:
    """Return the artifact if it is complete, else None; with `verify` its files' hashes are checked as
    well.
    """
    folder = place(made.name, model)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for name, entry in manifest["files"].items():
            if (folder / name).stat().st_size != entry["bytes"]:
                return None
            if verify and file_sha256(folder / name) != entry["sha256"]:
                return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Artifact(folder, manifest)


def required(name: str, model: ModelSource) -> Artifact:
    """Return an artifact that must be there. Raises ModelError when it is not."""
    found = find(recipes.find(name), model)
    if not found:
        raise ModelError(f"“{recipes.find(name).title}” could not be built, and this needs it.")
    return found


def building(name: str) -> AbstractContextManager[None]:
    """Hold the build lock of one artifact; a second builder waits here."""
    return locked(root() / f".{name}.lock")


def sweep() -> None:
    """Remove what builders that no longer live have left behind."""
    for folder in root().glob(".building-*"):
        if not Path(f"/proc/{folder.name.rpartition('-')[2]}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def discard(name: str, model: ModelSource) -> None:
    """Remove a recipe's artifact, so that it is built again when it is next needed."""
    remove(recipes.key(recipes.find(name), model))


def remove(key: str) -> None:
    """Remove an artifact: its manifest first, so that half of one is never found."""
    with building(key):
        (root() / key / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(root() / key, ignore_errors=True)


def build(made: Recipe, model: ModelSource) -> Artifact:
    """Return the artifact, built now unless a sound one is there. Its needs must be built already.

    Raises whatever the recipe raises; nothing is left in the cache then.
    """
    name = recipes.key(made, model)
    with building(name):
        found = find(made, model, verify=True)
        if found:
            return found
        folder = root() / f".building-{name}-{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            inputs = {need: required(need, model).folder for need in made.needs}
            started = time.perf_counter()
            facts = made.build(model, folder, inputs)
            manifest = {
                "recipe": made.name,
                "title": made.title,
                "inputs": recipes.inputs(made, model),
                "facts": facts,
                "build_s": time.perf_counter() - started,
                "created": utc_now(),
                "files": {
                    path.name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
                    for path in sorted(folder.iterdir())
                    if path.is_file()
                },
            }
            (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            final = root() / name
            shutil.rmtree(final, ignore_errors=True)
            folder.rename(final)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return Artifact(final, manifest)
