"""A search as it is kept, after each step, in a file of the home folder: one that was killed goes on."""

import json
import time
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from src import typed
from src.errors import Explained
from src.home import home, utc_now, write_whole
from src.search.asked import Asked
from src.search.screen import Screened


class NoSearch(Explained, ValueError):
    """There is no such search. The message says where to look."""


ROWS, SINGLES, TOGETHER, CONFIRMATION = range(4)  # generations


@dataclass(frozen=True)
class Heat:
    """A run of the search: its `field`, its run's id once it has begun, whether that ended by itself, and
    whether its time is `counted` in what was spent. By `generation` it is a race of rows, of their options
    one at a time, or of options together; or a confirmation.
    """

    generation: int
    field: tuple[str, ...]
    run: str = ""
    ended: bool = False
    counted: bool = False


@dataclass(frozen=True)
class Search:
    """What is known of a search so far. `spent_s` of its budget is gone; `problem` is why it could not go on
    when it was conducted last. One that was `imported` came in a file, and ended there.
    """

    id: str
    begun_at: str
    asked: Asked
    spent_s: float = 0.0
    screened: tuple[Screened, ...] = ()
    heats: tuple[Heat, ...] = ()
    ended_at: str = ""
    problem: str = ""
    imported: bool = False

    @property
    def left_s(self) -> float:
        return self.asked.budget_s - self.spent_s

    def of(self, generation: int) -> list[Heat]:
        """Return the runs of a generation that have begun, oldest first."""
        return [heat for heat in self.heats if heat.generation == generation and heat.run]

    @property
    def races(self) -> list[Heat]:
        return [heat for heat in self.heats if heat.generation != CONFIRMATION]

    @property
    def confirmations(self) -> list[Heat]:
        """Return the runs whose figures are the search's result: those that no race has followed, as it may
        have found faster ones.
        """
        races = [at for at, heat in enumerate(self.heats, 1) if heat.generation != CONFIRMATION]
        return [heat for heat in self.heats[max(races, default=0) :] if heat.run]

    @property
    def raced(self) -> set[str]:
        return {engine for heat in self.races for engine in heat.field}

    def passing(self, ids: tuple[str, ...] | list[str]) -> list[str]:
        """Return those of some configurations that passed the screen, in their order."""
        passed = {one.engine for one in self.screened if one.passes}
        return [id for id in ids if id in passed]

    def unraced(self, ids: list[str]) -> list[str]:
        """Return those of some configurations that neither raced nor failed the screen, in their order."""
        out = {one.engine for one in self.screened if not one.passes} | self.raced
        return [id for id in ids if id not in out]

    def with_screened(self, one: Screened) -> "Search":
        others = tuple(other for other in self.screened if other.engine != one.engine)
        return replace(self, screened=(*others, one))


def begin(asked: Asked) -> Search:
    """Return a new search."""
    id = time.strftime("%Y%m%d-%H%M%S-", time.gmtime()) + uuid.uuid4().hex[:4]
    return Search(id, utc_now(), asked)


def folder() -> Path:
    path = home() / "searches"
    path.mkdir(exist_ok=True)
    return path


def keep(search: Search) -> None:
    """Keep a search as it is now, in place of what was kept of it before."""
    write_whole(folder() / f"{search.id}.json", json.dumps(asdict(search), ensure_ascii=False, indent=1))


def kept() -> list[Search]:
    """Return the searches that are kept, latest first; files that cannot be read are left out."""
    searches = []
    for path in sorted(folder().glob("*.json"), reverse=True):
        try:
            searches.append(typed.read(Search, json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError):
            continue
    return searches


def find(id: str = "") -> Search:
    """Return a search that is kept: the latest without an id. Raises NoSearch."""
    for search in kept():
        if id in ("", search.id):
            return search
    what = f"There is no search “{id}”." if id else "No search is kept here."
    raise NoSearch(f"{what} Begin one: python -m src find")
