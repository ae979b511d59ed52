"""What `find` prints of a search that is kept."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from src import environments
from src.bench.race import Finalist
from src.cli import find, find_printing
from src.cli.main import main, parser
from src.releases import Release
from src.search import state
from src.search.answer import Proposal
from src.search.asked import Asked, BadSearch
from src.search.screen import INACCURATE, PASSES, Screened
from src.search.state import CONFIRMATION, ROWS, Heat, Search
from src.search.words import objective_title, sentence
from tests.fake_session import conduct

ROW = "onnxruntime-int8"
OPTION = f"{ROW}~spin=off"
OTHER = "openvino-int8"


@pytest.fixture
def search() -> Search:
    screened = (Screened(ROW, PASSES), Screened(OTHER, INACCURATE, "It loses at least 2.00% [of it]."))
    heats = (Heat(ROWS, (ROW,), "race-id", True, True), Heat(CONFIRMATION, (ROW,), "last-id", True, True))
    return Search(
        "20261127-000000-abcd", "2026-11-27T00:00:00Z", Asked((16,), 1200.0, 2), 600.0, screened, heats
    )


def proposal(*finalists: Finalist, simplest: str = ROW) -> Proposal:
    return Proposal((16,), finalists, simplest)


def show(search: Search, proposals: list[Proposal], json: bool = False) -> None:
    find_printing.show(argparse.Namespace(json=json), search, proposals, lambda: "7m")


FIRST = Finalist(OPTION, 1.0, 1.0, (1.0, 1.0), True)
TIED = Finalist(ROW, 1.004, 1.004, (0.995, 1.012), True)
BEHIND = Finalist(OTHER, 1.3, 1.3, (1.2, 1.4), False)
UNKNOWN = Finalist(OTHER, 1.3, 1.3, None, True)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Console:
    console = Console(width=200, record=True, force_terminal=False, emoji=False)
    monkeypatch.setattr(find_printing, "out", console)
    return console


def test_a_search_is_told_with_what_was_left_out_and_what_is_proposed(printed: Console, search: Search):
    show(search, [proposal(FIRST, TIED, BEHIND)])
    text = printed.export_text()
    assert "2 configurations screened, 1 passed, 1 raced, in 10 min." in text
    assert f"{OTHER}: loses too much accuracy. It loses at least 2.00% [of it]." in text
    assert "16 tokens: onnxruntime-int8 in 1.00 ms is proposed, as the simplest. The fastest was" in text
    assert " 1.300 " in text
    assert "(1.200–1.400)" in text
    assert "(1.000–1.000)" not in text, "the fastest has no interval to itself"
    assert f"python -m src bundle {search.id} DIR" in text
    assert f"python -m src serve --engine {ROW}\n" in text
    assert "Races: race-id" in text
    assert "Confirmed in: last-id" in text


def test_no_number_is_folded_in_eighty_columns(monkeypatch: pytest.MonkeyPatch, search: Search):
    console = Console(width=80, record=True, force_terminal=False, emoji=False)
    monkeypatch.setattr(find_printing, "out", console)
    longest = replace(TIED, name="2021-onnxruntime-int8~denormals=zero~gelu=fast")
    show(search, [proposal(FIRST, longest, simplest=OPTION)])
    text = console.export_text()
    assert longest.name in text
    assert "(0.995–1.012)" in text


def test_too_few_rounds_are_told(printed: Console, search: Search):
    show(search, [proposal(FIRST, UNKNOWN, simplest=OPTION)])
    assert "(too few rounds)" in printed.export_text()


def test_nothing_confirmed_says_how_to_go_on(printed: Console, search: Search):
    show(search, [])
    assert f"find --resume {search.id} --budget 7m" in printed.export_text()


def test_an_objective_without_an_answer_is_told_beside_one_that_has_one(printed: Console, search: Search):
    both = replace(search, asked=replace(search.asked, lengths=(16, 128)))
    show(both, [proposal(FIRST, simplest=OPTION)])
    text = printed.export_text()
    assert "Nothing is confirmed for 128 tokens: too few rounds" in text
    assert "Nothing is confirmed for 16 and 128 tokens together" in text
    assert "Nothing is confirmed for 16 tokens" not in text
    assert "--budget 7m" in text


def test_the_json_is_whole(search: Search, capsys: pytest.CaptureFixture[str]):
    show(search, [proposal(FIRST, UNKNOWN)], json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["search"]["id"] == search.id
    assert told["proposals"][0]["finalists"][1]["ci95"] is None


@pytest.mark.parametrize(
    ("finalists", "simplest", "words"),
    [
        ((FIRST, BEHIND), OPTION, "is the fastest: all others are slower."),
        ((FIRST, TIED), OPTION, "it is the fastest and the simplest of what is not told apart, one other."),
        ((FIRST, TIED, UNKNOWN), ROW, "it is not told apart from 2 others."),
    ],
)
def test_the_answer_in_words(finalists: tuple[Finalist, ...], simplest: str, words: str):
    assert sentence(proposal(*finalists, simplest=simplest)).endswith(words)


def test_objectives_in_words():
    assert objective_title((16,)) == "16 tokens"
    assert objective_title((16, 128)) == "16 and 128 tokens together"


@pytest.mark.parametrize(("text", "seconds"), [("20m", 1200), ("90", 90), ("1.5h", 5400), ("30 s", 30)])
def test_times_are_read(text: str, seconds: float):
    assert find.seconds(text) == seconds


def test_what_is_no_time_is_refused():
    with pytest.raises(BadSearch, match="20m"):
        find.seconds("20 minutes")


def test_a_race_is_shown_while_it_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("src.bench.race.FINALISTS", 1)
    racing = ("onnxruntime-fp32", ROW, "pytorch-fp32")
    (table,) = find.tables_of(conduct(racing=racing).rounds.record, 120)
    console = Console(width=120, record=True)
    console.print(table)
    text = console.export_text()
    assert "Round 6: 3 of 3 in the race" in text, "they were until its end"
    assert "×5.00" in text


def test_it_goes_on_with_what_the_process_before_kept(
    search: Search, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Which may keep more while this one begins: nothing is decided by what was read before it ended."""
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    state.keep(replace(search, heats=()))

    @contextmanager
    def conducting(id: str) -> Iterator[None]:
        state.keep(replace(state.find(id), spent_s=900.0))
        yield

    def stopped(_: object, search: Search, *__: object) -> None:
        given.append(search)
        raise SystemExit

    given: list[Search] = []
    monkeypatch.setattr(find.process, "conducting", conducting)
    monkeypatch.setattr(find, "conductor", stopped)
    with pytest.raises(SystemExit):
        main(["find", "--resume", "--budget", "1m"])
    assert [(one.spent_s, one.asked.budget_s) for one in given] == [(900.0, 960.0)]
    assert state.find(search.id).spent_s == 900.0


def test_texts_and_releases_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "reviews.txt"
    path.write_text("I liked this film.\n" * 4, encoding="utf-8")
    monkeypatch.setattr(environments, "usable_releases", lambda: [Release("onnxruntime", "1.24.4")])
    asked = find.read(parser().parse_args(["find", "--texts", str(path)]))
    assert (asked.lengths, asked.shares, asked.texts) == ((8,), (1.0,), "reviews.txt")
    assert asked.releases == ("onnxruntime@1.24.4",)
    asked = find.read(parser().parse_args(["find", "--releases", "none"]))
    assert (asked.lengths, asked.shares, asked.releases) == (find.LENGTHS, (), ())
    with pytest.raises(BadSearch, match="Give one of them"):
        find.read(parser().parse_args(["find", "--texts", str(path), "--seq-len", "16"]))


def test_what_the_lengths_stand_for_is_told(printed: Console, search: Search):
    texts = replace(search.asked, lengths=(8, 30), shares=(0.75, 0.25), texts="reviews.txt")
    show(replace(search, asked=texts), [])
    assert "shares of reviews.txt: 8 tokens for 75%, 30 tokens for 25%" in printed.export_text()
