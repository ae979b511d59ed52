"""A search for the lowest 99th percentile: windows of rounds, who comes first by them, and what is said."""

from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from src.bench import field, windows
from src.bench.plan import BLOCKS, Plan
from src.bench.race import MOST_BLOCKS, Finalist
from src.cli import find, find_printing
from src.cli.main import parser
from src.search import answer, heats
from src.search import asked as asking
from src.search.answer import Proposal
from src.search.asked import Asked, BadSearch
from src.search.points import points
from src.search.words import figure_words, sentence
from src.store.database import Store
from tests.search_host import BEST, EFFECTS, ROW, Host, begin, conduct, host, record_of, store, without_drift
from tests.unit.test_results import BASELINE, made

__all__ = ["host", "store"]  # fixtures
STEADY = f"{ROW}~block=4"  # a little slower than the best, without its slow calls


@pytest.fixture(autouse=True)
def spinning_helps_a_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """So little that it is not what decides: by its median it comes first."""
    monkeypatch.setitem(EFFECTS, "spin=off", 0.95)


@pytest.mark.parametrize("calls", [100, 107, 250])
def test_a_windows_percentile_is_exceeded_by_one_of_a_hundred_calls_whatever_their_number(calls: int):
    """Of exponential times, whose share above x is known to be exp(-x)."""
    rng = np.random.default_rng(calls)
    slices = [(number, rng.exponential(size=calls).tolist()) for number in range(1, 6001)]
    found = windows.percentiles(slices, [1], 1)
    assert len(found) == 6000
    assert np.mean(np.exp(-np.array(list(found.values())))) == pytest.approx(0.01, rel=0.04)


def test_windows_begin_anew_with_each_block_and_have_calls_enough():
    slices = [(number, [1.0] * 40) for number in range(1, 21) if number != 5]
    found = windows.percentiles(slices, [1, 9], windows.rounds(40))
    assert windows.rounds(40) == 3
    # 4 to 6 lacks the fifth round's, 7 and 8 are cut off by the block that begins with 9.
    assert list(found) == [1, 9, 12, 15, 18]


def test_engines_of_shorter_slices_have_the_same_windows():
    record = made({BASELINE: 2.0, ROW: 1.0}, calls=40)
    for cell, slices in record.slices.items():
        if cell.engine == ROW:
            slices[:] = [replace(slice, ns=slice.ns[:20]) for slice in slices]
    plan = Plan((BASELINE, ROW), (16,), (1,), (2,), ("model",), 60.0)
    figures = {engine: field.tails(record, plan, 0, engine, (16,)) for engine in plan.engines}
    assert list(figures[BASELINE]) == list(figures[ROW]) == [1, 7, 13]
    ratios = [figures[ROW][first] / figures[BASELINE][first] for first in figures[ROW]]
    assert ratios == pytest.approx([0.5] * 3, rel=0.03)


def test_who_has_slow_calls_comes_first_by_its_median_and_not_by_its_99th_percentile(host: Host):
    host.slow_calls, host.quiet = ("spin=off",), True
    conductor, (proposal,) = conduct(host, begin(percentile=99))
    confirmation = host.plans[-1]
    assert (confirmation.tails, confirmation.percentile) == (True, 99)
    assert confirmation.samples == 3 * 720
    assert (proposal.finalists[0].name, proposal.percentile) == (STEADY, 99)
    assert proposal.finalists[0].tied
    assert len(conductor.search.confirmations) == 1, "whose calls tell enough"
    best = next(one for one in proposal.finalists if one.name == BEST)
    assert not best.tied
    assert best.ratio > 1.3
    assert f"{STEADY} with a p99 of at most " in sentence(proposal)

    record = heats.record_of(host.store, conductor.search.confirmations[-1])
    for finalist in proposal.finalists:
        (cell,) = [cell for cell in record.slices if cell.engine == finalist.name]
        calls_ms = np.concatenate([slice.ns for slice in record.slices[cell]]) / 1e6
        assert finalist.at_most
        assert 1 <= finalist.at_most / np.percentile(calls_ms, 99) < 1.2

    shown = points(host.store, conductor.search, (16,), proposal)
    assert shown[0].engine == BEST, "the picture is of medians"
    assert not [point for point in shown if point.tied]


def test_on_a_host_that_drifts_no_bound_is_told_where_calls_are_too_alike(host: Host):
    """Twice as slow in some rounds as in others: of the steady one some sixty slices tell hardly anything."""
    conductor, (proposal,) = conduct(host, begin(percentile=99))
    assert proposal.finalists[0].at_most is None
    assert "too few calls to say what its p99 is at most" in sentence(proposal)
    asked_again = conductor.search.confirmations
    assert BLOCKS * len(asked_again) <= MOST_BLOCKS < BLOCKS * (len(asked_again) + 1), "as long as it may"


def test_the_calls_of_several_confirmations_tell_together_what_those_of_one_do_not():
    plan = Plan((BASELINE, ROW), (16,), (1,), (2,), ("model",), 60.0, blocks=3, tails=True, baseline=BASELINE)
    confirmations = [record_of(plan, f"20261130-00000{seed}-abcd", seed) for seed in (1, 2)]
    calls_ms = []
    for record in confirmations:
        for cell, slices in record.slices.items():
            slices[:] = [replace(slice, ns=without_drift(slice)[:6]) for slice in slices]
            if cell.engine == ROW:
                calls_ms += [ns / 1e6 for slice in slices for ns in slice.ns]
    one_run, two_runs = (
        answer.at_most_ms([(record, plan) for record in some], [ROW], (16,))[ROW]
        for some in (confirmations[:1], confirmations)
    )
    assert one_run is None, "360 calls; 662 that all differ would tell"
    assert two_runs
    assert np.percentile(calls_ms, 99) <= two_runs <= 1.2 * max(calls_ms)


def test_the_same_host_is_asked_for_medians(host: Host):
    host.slow_calls = ("spin=off",)
    _, (proposal,) = conduct(host, begin())
    assert (proposal.finalists[0].name, proposal.percentile) == (BEST, 50)
    assert proposal.finalists[0].at_most is None


def test_a_median_a_little_behind_is_not_dropped_for_it():
    """Eight percent behind in its median, in forty rounds."""
    record = made({BASELINE: 1.0, ROW: 1.08}, rounds=40)
    plan = Plan((BASELINE, ROW), (16,), (1,), (2,), ("model",), 60.0, racing=(BASELINE, ROW))
    engines = {BASELINE, ROW}
    assert list(field.slower(record, plan, 0, engines)) == [ROW]
    assert not field.slower(record, replace(plan, tails=True), 0, engines)
    far = made({BASELINE: 1.0, ROW: 1.3}, rounds=40)
    assert list(field.slower(far, replace(plan, tails=True), 0, engines)) == [ROW]


def test_too_few_calls_are_no_number():
    finalist = Finalist(ROW, 1.0, 1.0, (1.0, 1.0), True)
    proposal = Proposal((16,), (finalist,), ROW, 99)
    assert figure_words(proposal, finalist) == "too few calls"
    assert f"{ROW} (too few calls to say what its p99 is at most)" in sentence(proposal)


def test_who_ties_as_little_is_known_of_it_is_not_said_to_be_less_simple():
    first = Finalist(BEST, 1.0, 1.0, (1.0, 1.0), True, at_most=1.5)
    row = Finalist(ROW, 1.0, 1.004, (0.7, 1.5), True, at_most=2.5)
    told = sentence(Proposal((16,), (first, row), BEST, 99))
    assert "simplest" not in told
    assert told.endswith("Not told apart is one other; too little is known of it.")
    near = replace(row, ci95=(0.99, 1.02))
    assert "the simplest of what is not told apart" in sentence(Proposal((16,), (first, near), BEST, 99))


def test_the_command_asks_for_it_and_its_table_says_what_the_figures_are(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    asked = find.read(parser().parse_args(["find", "--percentile", "99", "--seq-len", "16"]))
    assert asked.percentile == 99
    console = Console(width=100, record=True, force_terminal=False, emoji=False)
    monkeypatch.setattr(find_printing, "out", console)
    first = Finalist(ROW, 1.0, 1.0, (1.0, 1.0), True, at_most=1.25)
    find_printing.print_proposal(Proposal((16,), (first,), ROW, 99))
    text = console.export_text()
    assert "p99 at most, ms" in text
    assert "1.25" in text


@pytest.mark.parametrize(
    ("change", "word"),
    [({"percentile": 95}, "Percentile 95"), ({"percentile": 99, "shares": (1.0,)}, "mean latency")],
)
def test_what_cannot_be_asked_for_is_refused(change: dict, word: str):
    with pytest.raises(BadSearch, match=word):
        asking.check(replace(Asked((16,), 600.0, 2), **change))
