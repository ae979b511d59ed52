"""What it takes to have releases of a runtime that are not here yet: time, and room on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from src import releases
from src.bench.environment_space import VARIABLE, most_gb, sizes_gb
from src.bench.plan import BadPlan
from src.bench.timeline_plan import absent

MAKING_S = 30.0  # an environment of a release, from nothing; seen on several hosts
USUAL_GB = 0.3  # of one, where none is here to tell


@dataclass(frozen=True)
class Room:
    """Which of the releases asked for are missing, what one takes in GB, and what all that are here do."""

    missing: tuple[str, ...]
    each_gb: float
    taken_gb: float

    @property
    def seconds(self) -> float:
        return MAKING_S * len(self.missing)

    @property
    def needed_gb(self) -> float:
        return self.each_gb * len(self.missing)


def room_for(runtime: str, versions: Sequence[str]) -> Room:
    """Return what these releases of a runtime take. Raises BadPlan where all of them do not fit."""
    here_gb = sizes_gb()
    of_runtime = [gb for name, gb in here_gb.items() if name.startswith(runtime + releases.SEPARATOR)]
    each_gb = max(of_runtime, default=USUAL_GB)
    missing = tuple(absent(versions, runtime))
    all_gb = each_gb * len(versions)
    if missing and all_gb > most_gb():
        raise BadPlan(
            f"{len(versions)} releases take about {all_gb:.1f} GB, and releases may take {most_gb():g} GB "
            f"here. Set {VARIABLE}={all_gb + 1:.0f}, or ask for fewer: the last of each minor version "
            "(--minor), or those between two (--from, --to)."
        )
    return Room(missing, each_gb, sum(here_gb.values()))
