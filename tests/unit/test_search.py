"""A search conducted over made-up configurations whose truth is known; its runs are kept in a real store."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from src.bench.race import FINALISTS
from src.engines import registry
from src.search import heats, space, state
from src.search.search import CONFIRM, RACE, NothingLeft, Stopped
from src.search.state import CONFIRMATION, ROWS, SINGLES, TOGETHER
from tests.search_host import (
    BEST,
    RELEASES,
    ROW,
    SLOW,
    Host,
    Killed,
    begin,
    conduct,
    host,
    store,
    truth_ms,
)

__all__ = ["host", "store"]  # fixtures


def test_a_search_finds_the_options_that_help_together(host: Host):
    conductor, proposals = conduct(host, begin())
    (proposal,) = proposals
    assert proposal.finalists[0].name == BEST
    assert proposal.simplest == BEST
    drift = 1.5  # of made(): from 1 to 2
    assert proposal.finalists[0].figure == pytest.approx(truth_ms(BEST) * drift, rel=0.02)
    assert [heat.generation for heat in conductor.search.heats] == [ROWS, SINGLES, TOGETHER, CONFIRMATION]
    assert conductor.search.ended_at
    assert conductor.search.spent_s == pytest.approx(4 * 60, abs=30), "what its runs say they took"


def test_options_are_searched_of_rows_that_are_near_only(host: Host):
    conductor, _ = conduct(host, begin())
    singles = conductor.search.of(SINGLES)[0].field
    assert singles[0] == ROW
    assert len(singles) == 11
    assert {id.partition("~")[0] for id in singles} == {ROW}, "the other is twice as slow"


def test_a_release_that_helps_is_searched_with_the_options_that_do(host: Host):
    names = tuple(f"onnxruntime@{version}" for version in RELEASES)
    conductor, (proposal,) = conduct(host, begin(releases=(*names, "openvino@2025.1.0")))
    best = BEST.replace(ROW, f"{ROW}@1.24.4")
    assert [proposal.finalists[0].name, proposal.simplest] == [best, best]
    singles, together = (set(conductor.search.of(number)[0].field) for number in (SINGLES, TOGETHER))
    assert {f"{ROW}@{version}" for version in RELEASES} <= singles
    assert not any("openvino" in id for id in singles), "it is another runtime's"
    combined = {f"{ROW}@1.24.4~spin=off", f"{ROW}@1.24.4~block=4", best, BEST}
    assert combined <= together
    assert not any("@1.22.1~" in id for id in together), "options are tried with the best release only"


def test_the_runs_of_a_search_for_texts_know_the_shares(host: Host):
    _, (proposal,) = conduct(host, begin(shares=(1.0,), texts="reviews.txt"))
    assert proposal.finalists[0].name == BEST
    assert {plan.shares for plan in host.plans} == {(1.0,)}


def test_of_equals_the_row_without_another_release_is_simpler(host: Host, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(RELEASES, "1.24.4", 1.001)
    _, (proposal,) = conduct(host, begin(releases=("onnxruntime@1.24.4",)))
    assert "@" not in proposal.simplest


def test_what_fails_its_screen_does_not_race(host: Host):
    host.fails = {SLOW, f"{ROW}~spin=off"}
    conductor, (proposal,) = conduct(host, begin())
    raced = {id for plan in host.plans for id in plan.engines}
    assert not host.fails & raced
    assert proposal.finalists[0].name == f"{ROW}~block=4"
    assert TOGETHER not in {heat.generation for heat in conductor.search.heats}, "one option alone helped"


def test_races_are_races_and_what_is_confirmed_is_new(host: Host):
    conduct(host, begin())
    assert [plan.preset for plan in host.plans] == [RACE, RACE, RACE, CONFIRM]
    assert [bool(plan.racing) for plan in host.plans] == [True, True, True, False]
    assert host.plans[-1].blocks == 3
    assert len({plan.seed for plan in host.plans}) == 4, "orders and texts of its own"


@pytest.mark.parametrize("rounds", [0, 3, 40])
@pytest.mark.parametrize("run", [1, 2, 3, 4])
def test_a_search_killed_in_a_run_goes_on_there(host: Host, run: int, rounds: int):
    host.dies = {run: rounds}
    search = begin()
    with pytest.raises(Killed):
        conduct(host, search)
    kept = state.find(search.id)
    assert len(kept.heats) == run
    assert not kept.heats[-1].ended
    killed_field = kept.heats[-1].field
    host.dies, host.plans = {}, []
    before = sum(map(len, host.screened))
    conductor, (proposal,) = conduct(host, kept)
    assert proposal.finalists[0].name == BEST
    again = sum(map(len, host.screened)) - before
    assert before + again == len({one.engine for one in conductor.search.screened}), "each once"
    if run < 4:
        assert len(host.plans) == 4 - run + 1, "races that ended are not run again"
        expected = [id for id in killed_field if rounds < 6 or near_fastest(id, killed_field)]
        assert set(host.plans[0].engines) == set(expected), "nobody races again who was dropped"
    else:
        missing = 3 - rounds // 20
        assert [(plan.preset, plan.blocks) for plan in host.plans] == [(CONFIRM, missing)]


def near_fastest(id: str, field: Sequence[str]) -> bool:
    return truth_ms(id) <= 1.1 * min(map(truth_ms, field))


def test_a_search_killed_in_its_screen_asks_for_the_rest_only(host: Host):
    host.screens_before_it_dies = 5  # two rows, and three of their options
    search = begin()
    with pytest.raises(Killed):
        conduct(host, search)
    host.screens_before_it_dies = 10_000
    conductor, (proposal,) = conduct(host, state.find(search.id))
    assert proposal.finalists[0].name == BEST
    asked = [id for ids in host.screened for id in ids]
    assert len(host.screened[1]) == 10
    assert len(host.screened[2]) == 7
    assert set(asked) == {one.engine for one in conductor.search.screened}


def test_a_search_that_is_stopped_says_how_to_go_on(host: Host):
    host.stops = {2}
    search = begin()
    with pytest.raises(Stopped, match=f"find --resume {search.id}"):
        conduct(host, search)
    host.stops = set()
    conductor, _ = conduct(host, state.find(search.id))
    assert conductor.search.ended_at


def test_a_search_that_has_ended_measures_nothing_more(host: Host):
    conductor, first = conduct(host, begin())
    runs = len(host.plans)
    _, again = conduct(host, state.find(conductor.search.id))
    assert again == first
    assert len(host.plans) == runs


def test_nothing_left_says_where_to_read_why(host: Host):
    host.fails = {ROW, SLOW}
    search = begin()
    with pytest.raises(NothingLeft, match=f"find --show {search.id}"):
        conduct(host, search)


def test_time_that_is_too_short_for_a_race_is_kept_for_the_confirmation(host: Host, monkeypatch):
    conductor, (proposal,) = conduct(host, begin(budget_s=120.0))
    assert any("No time was left to race" in line for line in host.told)
    assert host.plans[-1].preset == CONFIRM
    assert SINGLES not in {heat.generation for heat in conductor.search.heats}
    assert proposal.finalists[0].name == ROW


def test_rows_that_had_too_few_rounds_race_again_with_the_time_they_need(host: Host):
    """What it costs is known after the first race only."""
    host.few = {1: 3}
    conductor, (proposal,) = conduct(host, begin())
    first, second = conductor.search.of(ROWS)
    assert first.field == second.field
    cost = heats.cost(host.store, replace(conductor.search, heats=(first,)))
    assert cost
    assert host.plans[1].budget_s >= cost.run_s(2, 9)
    assert proposal.finalists[0].name == BEST


def test_rows_that_cannot_be_compared_say_how_much_more_time_would_do(host: Host):
    host.few = {1: 3, 2: 3}
    search = begin(budget_s=60.0)
    with pytest.raises(
        NothingLeft, match=r"Too few rounds .* compare 2 configurations .* --budget \d+m$"
    ) as told:
        conduct(host, search)
    kept = state.find(search.id)
    assert len(kept.of(ROWS)) == len(host.plans), "no time was spent on what it does not pay for"
    assert len(set(host.told)) == len(host.told), "each line once"
    more = int(str(told.value).rsplit(" ", 1)[1].removesuffix("m")) * 60
    host.few = {}
    asked = replace(kept.asked, budget_s=kept.spent_s + more)
    _, (proposal,) = conduct(host, replace(kept, asked=asked))
    assert proposal.finalists


def test_of_too_many_options_those_there_is_time_for_are_screened_and_raced(host: Host):
    """In the order of the rows; more time takes the others in, and nothing twice."""
    conductor, _ = conduct(host, begin(budget_s=400.0))
    (cut,) = conductor.search.of(SINGLES)
    assert 1 < len(cut.field) < 11
    assert len({one.engine for one in conductor.search.screened}) < 2 + 10
    assert any(f"No time was left to race {11 - len(cut.field)} of 10 " in line for line in host.told)
    asked = replace(conductor.search.asked, budget_s=5000.0)
    conductor, (proposal,) = conduct(host, replace(conductor.search, asked=asked, ended_at=""))
    first, second = conductor.search.of(SINGLES)
    assert set(first.field) & set(second.field) <= {ROW, *heats.alive(host.store, first)}
    assert len(set(first.field) | set(second.field)) == 11
    assert proposal.finalists[0].name == BEST
    screened = [id for ids in host.screened for id in ids]
    assert len(screened) == len(set(screened)), "each once"


def test_ties_are_broken_by_what_is_simpler(host: Host, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tests.search_host.EFFECTS", {"denormals=zero": 1.0})
    _, (proposal,) = conduct(host, begin())
    assert {one.name for one in proposal.ties} == {ROW, f"{ROW}~denormals=zero"}
    assert proposal.simplest == ROW


def test_a_row_as_good_as_its_options_is_confirmed_with_them(host: Host, monkeypatch: pytest.MonkeyPatch):
    """More are left than can be confirmed, and by chance the row is not among the first."""
    options = [id.removeprefix(f"{ROW}~") for id in space.singles(registry.get(ROW), space.Bounds(2))]
    monkeypatch.setattr("tests.search_host.EFFECTS", dict.fromkeys(options, 0.999))
    _, (proposal,) = conduct(host, begin())
    assert len(host.plans[-1].engines) == FINALISTS
    assert proposal.simplest == ROW


@pytest.mark.usefixtures("close_options")
def test_a_confirmation_killed_while_it_renews_says_nothing_of_who_came_first(host: Host):
    """After two blocks one engine had a new process and the others not yet: it is not the only one left."""
    host.dies, host.renewing = {4: 40}, True
    search = begin()
    with pytest.raises(Killed):
        conduct(host, search)
    killed = state.find(search.id)
    record = heats.record_of(host.store, killed.heats[-1])
    assert len({loaded.engine for loaded in record.renewed if loaded.from_round == 41}) == 1
    (proposal,) = heats.proposals(host.store, killed)
    assert len(proposal.finalists) == len(killed.heats[-1].field) > 1
    host.dies = {}
    conduct(host, killed)
    assert host.plans[-1].blocks == 1
    assert host.plans[-1].engines == killed.heats[-1].field


@pytest.fixture
def close_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """So close to each other that several are confirmed."""
    monkeypatch.setattr("tests.search_host.EFFECTS", {"spin=off": 0.97, "block=4": 0.96, "gelu=fast": 0.98})


def test_a_run_that_ended_while_the_search_was_killed_is_not_run_again(host: Host):
    conductor, _ = conduct(host, begin())
    heat = replace(conductor.search.heats[1], ended=False, counted=False)
    state.keep(replace(conductor.search, heats=(conductor.search.heats[0], heat), ended_at=""))
    host.plans = []
    conduct(host, state.find(conductor.search.id))
    assert [plan.preset for plan in host.plans] == [RACE, CONFIRM], "options together, and the confirmation"


def test_what_is_raced_after_a_confirmation_is_confirmed(host: Host):
    """Somebody gave too little time for the options, and then more."""
    conductor, (first,) = conduct(host, begin(budget_s=120.0))
    assert first.simplest == ROW
    more = replace(conductor.search, asked=replace(conductor.search.asked, budget_s=1200.0), ended_at="")
    conductor, (second,) = conduct(host, more)
    assert second.simplest == BEST
    assert [heat.generation for heat in conductor.search.heats].count(CONFIRMATION) == 2


def test_rows_that_are_slower_than_the_baseline_race_each_other(host: Host):
    """What ratios are taken to was not asked for, and is no part of the answer."""
    _, (proposal,) = conduct(host, begin(engines=("pytorch-fp32", "torchscript-fp32")))
    assert {one.name for one in proposal.finalists} == {"pytorch-fp32"}


def test_searches_are_kept_and_found(host: Host):
    with pytest.raises(state.NoSearch, match="No search is kept here"):
        state.find()
    first, second = begin(), replace(begin(), id="20991231-000000-ffff")
    state.keep(first)
    state.keep(second)
    assert state.find() == second
    assert state.find(first.id) == first
    (state.folder() / "broken.json").write_text("{")
    assert [search.id for search in state.kept()] == [second.id, first.id]
    with pytest.raises(state.NoSearch, match="There is no search “x”"):
        state.find("x")


def test_the_made_up_options_are_those_of_the_registry():
    assert registry.get(BEST).options == (("spin", "off"), ("block", "4"))
