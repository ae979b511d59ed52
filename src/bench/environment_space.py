"""What environments take on the disk: the most for all releases together, and which go when it is short."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from src import environments, releases

VARIABLE = "AWIY_RELEASES_GB"
MOST_GB = 6.0


def most_gb() -> float:
    """Return how much disk the releases may take together, as AWIY_RELEASES_GB says where it is a number."""
    try:
        return float(os.environ.get(VARIABLE, MOST_GB))
    except ValueError:
        return MOST_GB


def last_used_s(name: str) -> float:
    """Return when an environment was made or an engine of it last started, in seconds of the wall clock; 0
    for one that is not whole.
    """
    try:
        return (environments.folder(name) / environments.MANIFEST).stat().st_mtime
    except OSError:
        return 0.0


def to_remove(name: str) -> Iterator[str]:
    """Yield which releases have to go, least recently used first, before the environment `name` is made;
    none where it is that of no release.
    """
    if not releases.parse(name):
        return
    others_gb = {other: gb for other, gb in sizes_gb().items() if other != name}
    total_gb = sum(others_gb.values()) + releases.NEEDS_GB
    for other in sorted(others_gb, key=last_used_s):
        if total_gb <= most_gb():
            return
        total_gb -= others_gb[other]
        yield other


def sizes_gb() -> dict[str, float]:
    """Return what each release that is here takes on the disk, in GB, by its environment's name."""
    return {one.name: size_mb(environments.folder(one.name)) / 1000 for one in environments.of_releases()}


def discard(folder: Path) -> None:
    """Remove an environment's folder: its manifest first, so that half of one is never taken for a whole."""
    (folder / environments.MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)


def size_mb(folder: Path) -> float:
    """Return what a folder takes on the disk, in MB; links are not followed."""
    size_bytes = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                size_bytes += os.lstat(os.path.join(place, name)).st_blocks * 512
            except OSError:
                continue  # it went meanwhile
    return size_bytes / 1e6
