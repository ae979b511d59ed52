"""Accuracy results that are kept in the home folder, for the pages and for what is said of an engine."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from src.home import home, locked, write_whole

# Results of the same sentences, weights and CPU are one file: an engine that is measured again replaces its
# row, and the others stay with their own dates.
SAME = ("dataset_sha256", "model_fingerprint", "cpu_key")


def folder() -> Path:
    path = home() / "accuracy"
    path.mkdir(exist_ok=True)
    return path


def keep(result: dict[str, Any]) -> None:
    """Keep a result (the JSON of `src.bench.accuracy.Accuracy`), with those of other engines on the same."""
    name = "-".join(str(result[part])[:12] for part in SAME)
    path = folder() / f"{name}.json"
    measured = {row["engine"] for row in result["engines"]}
    with locked(folder() / ".lock"):  # another one may be joining its rows at this moment
        others = [
            row
            for old in kept()
            if all(old.get(part) == result[part] for part in SAME)
            for row in old["engines"]
            if row["engine"] not in measured
        ]
        whole = {**result, "engines": [*result["engines"], *others]}
        write_whole(path, json.dumps(whole, indent=1, ensure_ascii=False))


def kept() -> list[dict[str, Any]]:
    """Return the kept results as JSON, latest first; files that cannot be read are left out. Nobody may
    change them.
    """
    results = []
    for path in folder().glob("*.json"):
        try:
            status = path.stat()
            results.append(read(path, status.st_mtime_ns, status.st_size))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(results, key=lambda result: str(result.get("measured_at")), reverse=True)


@lru_cache(maxsize=64)
def read(path: Path, _modified_ns: int, _size: int) -> dict[str, Any]:
    """Return a result, read once while it stays as it is: the last two arguments only tell that."""
    result = json.loads(path.read_text(encoding="utf-8"))
    return {**result, "engines": list(result["engines"])}
