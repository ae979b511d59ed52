"""Is there a GPU, can the installed libraries use it, and has anybody checked an engine on it?"""

from __future__ import annotations

import importlib.util
import json
import os
from typing import Any, Dict, Optional

from src.engines.spec import Missing
from src.home import home

DRIVER = "/proc/driver/nvidia/version"
UNVERIFIED = (
    "Unverified on hardware: no GPU was at hand when it was written. On a host with one, "
    "run: python -m src doctor --gpu"
)


def lacking_device() -> Optional[Missing]:
    """Return why no NVIDIA GPU can be used here; None when the driver is loaded."""
    if os.path.exists(DRIVER):
        return None
    return Missing(
        "It needs an NVIDIA GPU, and no driver of one is loaded here.",
        "Run it on a host with one, with its driver installed.",
    )


def lacking_file(package: str, path: str, title: str, remedy: str) -> Optional[Missing]:
    """Return why an installed package cannot use a GPU; None when it has this file."""
    found = importlib.util.find_spec(package)
    places = list(found.submodule_search_locations or []) if found else []
    if any(os.path.exists(os.path.join(place, path)) for place in places):
        return None
    return Missing("The installed build of %s has no CUDA." % title, remedy)


def checks() -> Dict[str, Any]:
    """Return what `doctor --gpu` has recorded, by engine: {checked_at, gpu, passed, text}."""
    try:
        return json.loads((home() / "gpu.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def state(engine: str) -> str:
    """Return what is known of an engine on hardware, for people."""
    check = checks().get(engine)
    if not check:
        return UNVERIFIED
    how = "passed" if check["passed"] else "failed"
    return "The check on %s %s on %s: %s" % (check["gpu"], how, check["checked_at"][:10], check["text"])


def record(engine: str, check: Dict[str, Any]) -> None:
    """Keep what `doctor --gpu` found of an engine."""
    (home() / "gpu.json").write_text(json.dumps({**checks(), engine: check}, indent=1), encoding="utf-8")
