"""A search in a file: what comes back is what went, and what cannot be is refused."""

import io
import itertools
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from src.cli.find import to_resume
from src.cli.main import main
from src.search import heats, search_file, state
from src.search import search as searching
from src.search.asked import BadSearch
from src.search.search_file import BadSearchFile
from src.search.state import Search
from src.store import runs
from src.store.database import Store, open_store, opened
from src.store.transfer import BadRun
from tests.search_host import BEST, Host, begin, conduct

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def conducted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Search, bytes]:
    """A home with a search that was conducted there, and its file."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWIY_HOME", str(home))
        host = Host(open_store(), itertools.count(1))
        patch.setattr(searching, "screen", lambda *arguments: host.screen(*arguments))
        conductor, _ = conduct(host, begin(datasets=("/home/me/sentences.tsv",)))
        return home, conductor.search, search_file.pack(open_store(), conductor.search)


@pytest.fixture
def search(conducted: tuple[Path, Search, bytes]) -> Search:
    return conducted[1]


@pytest.fixture
def data(conducted: tuple[Path, Search, bytes]) -> bytes:
    return conducted[2]


@pytest.fixture
def here(conducted: tuple[Path, Search, bytes]) -> Store:
    return opened(URL.create("sqlite", database=str(conducted[0] / "runs.db")))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store of another home, in which nothing is kept."""
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    return open_store()


def test_it_says_the_same_elsewhere(search: Search, data: bytes, here: Store, elsewhere: Store):
    read, new = search_file.take_in(elsewhere, data, "a.zip")
    assert new
    assert state.find() == read
    assert heats.proposals(elsewhere, read) == heats.proposals(here, search)
    assert heats.proposals(elsewhere, read)[0].simplest == BEST
    assert read.asked.datasets == ("sentences.tsv",), "folders are nobody's business"
    assert {run.id for run in runs.listed(elsewhere)} == {heat.run for heat in search.heats}
    assert {run.source for run in runs.listed(elsewhere)} == {"imported"}
    assert search_file.take_in(elsewhere, data, "a.zip") == (read, False)


def test_it_does_not_go_on_elsewhere(search: Search, data: bytes, elsewhere: Store):
    search_file.take_in(elsewhere, data, "a.zip")
    with pytest.raises(BadSearch, match="came in a file"):
        to_resume(search.id)


def test_by_commands(
    conducted: tuple[Path, Search, bytes],
    search: Search,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("AWIY_HOME", str(conducted[0]))
    path = tmp_path / "search.zip"
    assert main(["find", "--export", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"id": search.id, "file": str(path)}
    assert main(["find", "--show"]) == 0
    shown = capsys.readouterr().out
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "other"))
    (tmp_path / "other").mkdir()
    assert main(["import", str(path)]) == 0
    assert f"find --show {search.id}" in " ".join(capsys.readouterr().out.split())
    assert main(["find", "--show"]) == 0
    assert capsys.readouterr().out == shown
    assert main(["find", "--delete", ""]) == 1, "not the latest, and no new search"
    assert main(["find", "--export", str(tmp_path / "nowhere" / "a.zip")]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert main(["find", "--delete", search.id]) == 0
    assert "Its runs are kept" in capsys.readouterr().out
    assert state.kept() == []
    assert len(runs.listed(open_store())) == len(search.heats)
    assert main(["find", "--delete", search.id]) == 1


# --- what cannot be


def changed(data: bytes, change: Callable[[Members], None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    change(members)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def asked(old: str, new: str) -> Callable[[Members], None]:
    """Change the document's text."""

    def change(members: Members) -> None:
        text = members[search_file.DOCUMENT].decode()
        assert old in text
        members[search_file.DOCUMENT] = text.replace(old, new, 1).encode()

    return change


def drop_a_run(members: Members) -> None:
    del members[sorted(members)[0]]


def add_a_file(members: Members) -> None:
    members["../evil"] = b"x"


def swap_runs(members: Members) -> None:
    first, second, *_ = sorted(name for name in members if name != search_file.DOCUMENT)
    members[first], members[second] = members[second], members[first]


REFUSED = {
    "a run is missing": (drop_a_run, "has not the runs of its search, or others"),
    "a file too many": (add_a_file, "has not the runs of its search, or others"),
    "another run's content": (swap_runs, "is another one"),
    "no document": (lambda members: members.pop(search_file.DOCUMENT), "it has no search.json"),
    "a later version": (asked('"schema_version": 1', '"schema_version": 7'), "has version 7"),
    "no JSON": (asked("{", "{{"), "is no search"),
    "deep JSON": (asked("{", '{"x": ' + "[" * 100_000), "is no search"),
    "an endless number": (asked('"spent_s": ', '"spent_s": 1e999, "x": '), "the number inf"),
    "no number": (asked('"spent_s": ', '"spent_s": NaN, "x": '), "the number nan"),
    "an engine of nowhere": (asked(BEST, "somebodys-engine"), "no engine here"),
    "an id with a path": (asked('"id": "2', '"id": "../2'), "an id that cannot be"),
    "a kind that is not": (asked('"generation": 0', '"generation": 9'), "of a kind that there is not"),
    "no time": (asked('"begun_at": "2', '"begun_at": "x2'), "is no time"),
    "a length that cannot be": (asked('"lengths": [\n    16', '"lengths": [\n    99999'), "99999"),
    "shares of other lengths": (asked('"shares": []', '"shares": [0.5, 0.5]'), "one above 0 for each"),
    "a share of nothing": (asked('"shares": []', '"shares": [0.0]'), "one above 0 for each"),
    "no threads": (asked('"threads": 2', '"threads": 0'), "it has 0 threads"),
    "a long text": (asked('"reason": ""', '"reason": "' + "x" * 6000 + '"'), "far too long"),
    "another field": (asked('"field": [', '"field": ["null", '), "is another one"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_and_nothing_kept(name: str, data: bytes, elsewhere: Store):
    change, why = REFUSED[name]
    with pytest.raises(BadSearchFile, match=why):
        search_file.take_in(elsewhere, changed(data, change), "a.zip")
    assert state.kept() == []
    assert runs.listed(elsewhere) == []


def test_a_changed_run_is_refused(data: bytes, elsewhere: Store):
    def change(members: Members) -> None:
        name = sorted(members)[0]
        members[name] = members[name].replace(b'"round": 3', b'"round": 4', 1)

    with pytest.raises(BadRun):
        search_file.take_in(elsewhere, changed(data, change), "a.zip")
    assert state.kept() == []
    assert runs.listed(elsewhere) == []


@pytest.mark.parametrize("cut", [2, 100, -30])
def test_half_a_file_is_refused(data: bytes, elsewhere: Store, cut: int):
    with pytest.raises(BadSearchFile, match="is damaged"):
        search_file.take_in(elsewhere, data[:cut], "a.zip")


def test_damaged_bytes_are_refused(data: bytes, elsewhere: Store):
    broken = bytearray(data)
    broken[200:220] = bytes(20)
    with pytest.raises(BadSearchFile, match=r"is damaged|is no search"):
        search_file.take_in(elsewhere, bytes(broken), "a.zip")


def test_what_unpacks_to_too_much_is_refused(data: bytes, elsewhere: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search_file, "LARGEST_MB", 0.001)
    with pytest.raises(BadSearchFile, match="unpacks to more"):
        search_file.take_in(elsewhere, data, "a.zip")


def test_a_search_on_more_cpus_than_are_here_can_be_read(search: Search, here: Store, elsewhere: Store):
    wide = replace(search, asked=replace(search.asked, threads=64))
    read, _ = search_file.take_in(elsewhere, search_file.pack(here, wide), "a.zip")
    assert read.asked.threads == 64
