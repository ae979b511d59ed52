"""A search that travels: one file with what was asked, what was screened, and all of its runs.

The file is a zip of `search.json` and of `runs/ID.json`, each as `export` writes a run. It may come from
anybody: names, sizes, types and texts are checked, each run as any run's file, and the answer is computed
again from the runs. What the screen says is its host's word.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import PurePath
from typing import Any, NamedTuple

from src import typed
from src.accuracy.datasets import HUB
from src.bench import plan
from src.bench.plan import BadPlan
from src.bench.record import Record
from src.engines import registry
from src.errors import Explained
from src.limits import disclosed
from src.search import asked as asking
from src.search import state
from src.search.asked import BadSearch
from src.search.state import CONFIRMATION, ROWS, Search
from src.store import event_checks, ort_csv, runs, transfer
from src.store.database import Store

VERSION = 1
DOCUMENT, RUNS = "search.json", "runs/"
LARGEST_DOCUMENT_MB, LARGEST_MB = 8, 512  # unpacked, and of all runs together
MOST_RUNS, MOST_SCREENED = 100, transfer.MOST_CELLS
LARGEST_NUMBER = 1e12
ADVICE = "Give a file that find --export wrote."


class Arrival(NamedTuple):
    """What a file was: the `id` of a search or else of a run, and whether it was `new` here."""

    id: str
    new: bool
    is_search: bool


class BadSearchFile(Explained, ValueError):
    """What was given is no search that can be read. The message says why and what to give."""


# --- writing


def pack(store: Store, search: Search) -> bytes:
    """Return the file of a search. Raises NoRun where a run of it was deleted, and StoreError."""
    document = {"schema_version": VERSION, "search": disclosed(asdict(without_places(search)))}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(DOCUMENT, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
        for id in run_ids(search):
            text = json.dumps(transfer.whole(runs.record(store, id)), ensure_ascii=False)
            packed.writestr(member(id), text + "\n")
    return buffer.getvalue()


def without_places(search: Search) -> Search:
    """Return a search whose files are named without the folders they lie in, which are nobody's business."""
    asked = search.asked
    datasets = tuple(given if given == HUB else PurePath(given).name for given in asked.datasets)
    return replace(search, asked=replace(asked, datasets=datasets, model=PurePath(asked.model).name))


def member(run: str) -> str:
    return f"{RUNS}{run}.json"


def run_ids(search: Search) -> list[str]:
    return list(dict.fromkeys(heat.run for heat in search.heats if heat.run))


# --- reading


def keep_file(store: Store, data: bytes, file: str) -> Arrival:
    """Keep what somebody's file holds: a search, or a run of any kind. Raises BadSearchFile, BadRun,
    StoreError.
    """
    if data.startswith(b"PK"):
        search, new = take_in(store, data, file)
        return Arrival(search.id, new, is_search=True)
    id, new = ort_csv.take_in(store, data, file)
    return Arrival(id, new, is_search=False)


def take_in(store: Store, data: bytes, file: str) -> tuple[Search, bool]:
    """Keep a search and its runs from a file; return it and whether it was new here. Raises BadSearchFile,
    BadRun, StoreError.
    """
    with opened(data, file) as packed:
        search = read_document(packed, file)
        check(search, file)
        ids = run_ids(search)
        if set(packed.namelist()) != {DOCUMENT, *map(member, ids)}:
            raise BadSearchFile(f"{file} has not the runs of its search, or others. {ADVICE}")
        records = {id: transfer.parse(unpacked(packed, member(id), file), member(id)) for id in ids}
    check_runs(search, records, file)
    for record in records.values():
        transfer.keep(store, record)
    if any(kept.id == search.id for kept in state.kept()):
        return search, False
    state.keep(search)
    return search, True


def opened(data: bytes, file: str) -> zipfile.ZipFile:
    """Return the file of a search, once its directory holds nothing that cannot be. Raises BadSearchFile."""
    try:
        packed = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise BadSearchFile(f"{file} is damaged ({error}). {ADVICE}") from error
    members = packed.infolist()
    names = [one.filename for one in members]
    if DOCUMENT not in names:
        raise BadSearchFile(f"{file} is no search: it has no {DOCUMENT}. {ADVICE}")
    if len(names) > MOST_RUNS + 1 or len(set(names)) < len(names):
        raise BadSearchFile(f"{file} has more than {MOST_RUNS} runs, or the same twice. {ADVICE}")
    if packed.getinfo(DOCUMENT).file_size > LARGEST_DOCUMENT_MB * 1_000_000:
        raise BadSearchFile(f"{file} has a {DOCUMENT} of more than {LARGEST_DOCUMENT_MB} MB. {ADVICE}")
    if sum(one.file_size for one in members) > LARGEST_MB * 1_000_000:
        raise BadSearchFile(f"{file} unpacks to more than the {LARGEST_MB} MB that are read. {ADVICE}")
    return packed


def unpacked(packed: zipfile.ZipFile, name: str, file: str) -> bytes:
    """Return the bytes of a member, no more than the directory said. Raises BadSearchFile."""
    try:
        return packed.read(name)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise BadSearchFile(f"{file} is damaged at {name} ({error}). {ADVICE}") from error


def read_document(packed: zipfile.ZipFile, file: str) -> Search:
    """Return what a file says of the search itself. Raises BadSearchFile."""
    data = unpacked(packed, DOCUMENT, file)
    try:
        document = json.loads(data)
        version = document["schema_version"]
        search = typed.read(Search, document["search"]) if version == VERSION else None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadSearchFile(f"{file} is no search ({type(error).__name__}). {ADVICE}") from error
    if not search:
        raise BadSearchFile(
            f"{file} has version {str(version)[:20]}; this program reads {VERSION}. Update it."
        )
    return replace(search, imported=True, problem="")


def check(search: Search, file: str) -> None:
    """Raise BadSearchFile for what no search can be."""

    def refuse(why: str) -> BadSearchFile:
        return BadSearchFile(f"{file} is no search: {why} {ADVICE}")

    if not all(map(runs.RUN_ID.fullmatch, [search.id, *run_ids(search)])):
        raise refuse("it has an id that cannot be.")
    for moment in (search.begun_at, *filter(None, [search.ended_at])):
        event_checks.check_time(moment, refuse)
    if len(search.heats) > MOST_RUNS or len(search.screened) > MOST_SCREENED:
        raise refuse("it has more runs or configurations than are read.")
    if not all(ROWS <= heat.generation <= CONFIRMATION for heat in search.heats):
        raise refuse("it has a run of a kind that there is not.")
    for value in leaves(asdict(search)):
        if isinstance(value, str) and len(value) > transfer.LONGEST_TEXT:
            raise refuse("it has a text that is far too long.")
        if isinstance(value, int | float) and not abs(value) <= LARGEST_NUMBER:
            raise refuse(f"it has the number {value}.")
    if not 1 <= search.asked.threads <= event_checks.LARGEST_NUMBER:
        raise refuse(f"it has {search.asked.threads} threads.")
    try:
        asking.check(replace(search.asked, threads=1))  # its host may have had more CPUs
    except (BadSearch, BadPlan) as error:
        raise refuse(str(error)) from error
    named = {one.engine for one in search.screened} | {id for heat in search.heats for id in heat.field}
    for id in sorted(named):
        try:
            registry.get(id)
        except registry.UnknownEngine as error:
            raise refuse(f"“{id[:60]}” is no engine here.") from error


def check_runs(search: Search, records: dict[str, Record], file: str) -> None:
    """Raise BadSearchFile where a run is another one, or measured others than the search says."""
    for heat in search.heats:
        begun = records[heat.run].begun if heat.run else None
        if begun and (begun.id != heat.run or set(heat.field) - set(plan.from_json(begun.plan).engines)):
            raise BadSearchFile(f"{file} is no search: its run {heat.run} is another one. {ADVICE}")


def leaves(value: Any) -> Iterator[Any]:
    """Yield what a JSON value holds, names too."""
    match value:
        case dict():
            yield from value
            for entry in value.values():
                yield from leaves(entry)
        case list() | tuple():
            for entry in value:
                yield from leaves(entry)
        case _:
            yield value
