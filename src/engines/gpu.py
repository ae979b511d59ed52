"""Is there a GPU, can the installed libraries use it, and has anybody checked an engine on it?"""

from __future__ import annotations

import ctypes.util
import glob
import importlib.util
import json
import os
import re
from pathlib import Path
from typing import List, Optional, Sequence

from src.engines.spec import Missing
from src.facts import Facts
from src.home import ROOT, home

FILE = "gpu.json"
DRIVER = "/proc/driver/nvidia/version"
COMMAND = "On a host with one, run: python -m src doctor --gpu"
UNVERIFIED = "Unverified on hardware: it never ran on a GPU. " + COMMAND


def names() -> List[str]:
    """Return the model of each NVIDIA GPU, as the driver tells it; none where no driver is loaded."""
    models = []
    for path in sorted(glob.glob(os.path.join(os.path.dirname(DRIVER), "gpus", "*", "information"))):
        try:
            with open(path) as stream:
                models += re.findall(r"^Model:\s*(.+?)\s*$", stream.read(), flags=re.MULTILINE)
        except OSError:
            continue
    return models


def in_words(models: Sequence[str]) -> str:
    """Return on which of a host's GPUs an engine runs, as far as is known: it takes the first one, and which
    that is, is CUDA's to say. "" for none.
    """
    different = sorted(set(models))
    return different[0] if len(different) == 1 else "one of %s" % ", ".join(different) if different else ""


def driver() -> Optional[str]:
    """Return the version of the loaded NVIDIA driver, or None."""
    try:
        with open(DRIVER) as stream:
            version = re.search(r"\b\d+\.\d+(\.\d+)?\b", stream.readline())
    except OSError:
        return None
    return version.group(0) if version else None


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


def lacking_tensorrt() -> Optional[Missing]:
    """Return why TensorRT cannot be used; None when it is installed, as a package or for the loader."""
    if importlib.util.find_spec("tensorrt") or ctypes.util.find_library("nvinfer"):
        return None
    return Missing(
        "TensorRT is not installed.", "Run: pip install tensorrt, in the version your onnxruntime-gpu names."
    )


def checks(folder: Optional[Path] = None) -> Facts:
    """Return what `doctor --gpu` has recorded here, by engine: {checked_at, gpu, passed, text}.

    `folder` is another one that has such a record: `data` has what was checked on somebody's GPU.
    """
    try:
        return json.loads(((folder or home()) / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def state(engine: str) -> str:
    """Return what is known of an engine on hardware, for people."""
    here, elsewhere = checks().get(engine), checks(ROOT / "data").get(engine)
    check = here or elsewhere
    if not check:
        return UNVERIFIED
    how = "passed" if check["passed"] else "failed"
    text = "The check on %s %s on %s: %s" % (check["gpu"], how, check["checked_at"][:10], check["text"])
    return text if here else "%s That was another host. %s" % (text, COMMAND)


def record(engine: str, check: Facts) -> None:
    """Keep what `doctor --gpu` found of an engine."""
    (home() / FILE).write_text(json.dumps({**checks(), engine: check}, indent=1), encoding="utf-8")
