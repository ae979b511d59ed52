"""Artifacts that this installation does not load any more: of older libraries or recipes, or other CPUs."""

import json
from dataclasses import dataclass
from pathlib import Path

from src import environments
from src.facts import Facts
from src.model import ModelError, cache
from src.model import recipe as recipes


@dataclass(frozen=True)
class Fingerprint:
    """Stands for a model source of which only its fingerprint is known."""

    value: str

    def fingerprint(self) -> str:
        return self.value


@dataclass(frozen=True)
class Obsolete:
    """An artifact that nobody needs, and why. `mb` is its size."""

    folder: Path
    mb: float
    why: str


def find() -> list[Obsolete]:
    """Return the artifacts that this installation does not load, whatever the model, by their names."""
    folders = [folder for folder in sorted(cache.root().iterdir()) if folder.is_dir()]
    reasons = {folder: why_obsolete(folder) for folder in folders if not folder.name.startswith(".")}
    return [Obsolete(folder, size_mb(folder), why) for folder, why in reasons.items() if why]


def why_obsolete(folder: Path) -> str:
    """Return why an artifact is not loaded any more; empty where it is, or where that cannot be told."""
    try:
        manifest = json.loads((folder / cache.MANIFEST).read_text(encoding="utf-8"))
        built, model = manifest["inputs"], Fingerprint(manifest["inputs"]["model"])
        recipe = recipes.find(manifest["recipe"])
    except (OSError, ValueError, KeyError, TypeError):
        return "it is damaged"
    except (ImportError, AttributeError):
        return "no engine has this recipe any more"
    if recipe.environment != environments.MAIN and environments.trouble(recipe.environment):
        return ""  # its environment may be made again
    try:
        if folder.name == recipes.key(recipe, model):  # type: ignore[arg-type]
            return ""
        wanted: Facts = recipes.inputs(recipe, model)  # type: ignore[arg-type]
    except ModelError:
        return ""
    differing = [name for name in wanted if wanted[name] != built.get(name)]
    return f"it was made from other {', '.join(differing) or 'names'}"


def size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
