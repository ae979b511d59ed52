"""Accuracy results that are kept in the home folder, for the pages and for what is said of an engine."""

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from src.accuracy.accuracy_result import Accuracy, from_json
from src.home import home, locked, write_whole

# Results of the same sentences, weights and CPU are one file: an engine that is measured again replaces its
# row, and the others stay with their own dates.
SAME = ("dataset_sha256", "model_fingerprint", "cpu_key")


def folder() -> Path:
    path = home() / "accuracy"
    path.mkdir(exist_ok=True)
    return path


def keep(result: Accuracy) -> None:
    """Keep a result, with those of other engines on the same."""
    name = "-".join(getattr(result, part)[:12] for part in SAME)
    measured = {engine.engine for engine in result.engines}
    with locked(folder() / ".lock"):  # another one may be joining its engines at this moment
        others = [
            engine
            for old in kept()
            if all(getattr(old, part) == getattr(result, part) for part in SAME)
            for engine in old.engines
            if engine.engine not in measured
        ]
        whole = replace(result, engines=(*result.engines, *others))
        write_whole(folder() / f"{name}.json", json.dumps(whole.to_json(), indent=1, ensure_ascii=False))


def kept() -> list[Accuracy]:
    """Return the kept results, latest first; files that cannot be read are left out."""
    results = []
    for path in folder().glob("*.json"):
        try:
            status = path.stat()
            results.append(read(path, status.st_mtime_ns, status.st_size))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return sorted(results, key=lambda result: result.measured_at, reverse=True)


@lru_cache(maxsize=64)
def read(path: Path, _modified_ns: int, _size: int) -> Accuracy:
    """Return a result, read once while it stays as it is: the last two arguments only tell that."""
    return from_json(json.loads(path.read_text(encoding="utf-8")))
