"""A race conducted: who is dropped when, and how its record tells it. A fake session moves the clock."""

from dataclasses import asdict, replace

import pytest

from src.bench import field, plan, race
from src.bench.plan import BadPlan
from src.bench.record import Cell
from tests.fake_session import CALL_NS, Conducted, conduct
from tests.unit.test_results import BASELINE

RACING = (BASELINE, "onnxruntime-int8", "pytorch-fp32")


@pytest.fixture(autouse=True)
def few_finalists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "FINALISTS", 1)


def dropped(run: Conducted) -> list[str]:
    return [one[1] for one in run.session.asked if one[0] == "drops"]


def test_who_is_slower_is_dropped_at_the_first_look_and_the_rest_is_not_measured():
    run = conduct(racing=RACING)
    assert run.stopped == "precision"
    assert run.rounds.record.rounds == race.LOOKS[0]
    assert dropped(run) == ["pytorch-fp32"], "what ratios are taken to stays, for all it is slower"
    assert not run.rounds.record.failed, "it did nothing wrong"


def test_the_record_tells_how_each_stood():
    run = conduct(racing=RACING)
    standings = field.standings(run.rounds.record, run.rounds.plan)
    assert [(one.engine, one.alive) for one in standings] == [
        ("onnxruntime-int8", True),
        (BASELINE, False),
        ("pytorch-fp32", False),
    ]
    assert {one.rounds for one in standings} == {6}
    (_, baseline, pytorch) = standings
    assert baseline.ratios == {objective: pytest.approx(2.0) for objective in ((16,), (128,), (16, 128))}
    assert pytorch.nearest == pytest.approx(5.0)


def test_equals_race_until_the_last_look():
    def calls(cell: Cell, lead_in: int, count: int) -> list[int]:
        return [2_000_000] * count

    run = conduct(racing=RACING, session={"calls": calls}, budget_s=600.0)
    assert run.stopped == "precision"
    assert run.rounds.record.rounds == race.LOOKS[-1]
    assert not dropped(run)
    assert all(one.alive for one in field.standings(run.rounds.record, run.rounds.plan))


def test_who_is_fastest_at_one_length_stays():
    """Thrice as slow at 16 tokens and twice as fast at 128: only the first is no reason to drop it."""

    def calls(cell: Cell, lead_in: int, count: int) -> list[int]:
        long = cell.case.sequence_length == 128
        if cell.engine == "pytorch-fp32":
            return [1_000_000 if long else 6_000_000] * count
        return [2_000_000] * count

    run = conduct(racing=RACING, session={"calls": calls}, budget_s=600.0)
    assert "pytorch-fp32" not in dropped(run)
    standings = {one.engine: one for one in field.standings(run.rounds.record, run.rounds.plan)}
    assert standings["pytorch-fp32"].alive
    assert standings["pytorch-fp32"].ratios[16,] == pytest.approx(3.0)
    assert standings["pytorch-fp32"].nearest == pytest.approx(1.0)


def test_disturbed_rounds_drop_nobody():
    run = conduct(
        racing=RACING, session={"disturbs": lambda number, attempt, cell: number < 5}, quietens=False
    )
    assert run.rounds.record.rounds > race.LOOKS[0]
    drops = [number for number, one in enumerate(run.session.asked) if one[0] == "drops"]
    before = [one for one in run.session.asked[: drops[0]] if one[0] == "slices"]
    assert max(one[1] for one in before) == 13, "the first look after which six rounds count"


def test_a_budget_may_end_a_race_within_a_round():
    """The engines that had no slice in the last round are no worse for it."""

    def calls(cell: Cell, lead_in: int, count: int) -> list[int]:
        return [2_000_000] * count

    run = conduct(racing=RACING, session={"calls": calls}, budget_s=4.0, sequence_lengths=(16,))
    assert run.stopped == "budget"
    standings = field.standings(run.rounds.record, run.rounds.plan)
    assert all(one.alive for one in standings)
    assert len({one.rounds for one in standings}) == 2, "or this test sees nothing"


def test_who_was_not_asked_to_race_neither_leads_nor_is_told():
    """The baseline is twice as fast as one and not asked: the other two race each other."""
    run = conduct(racing=("pytorch-fp32",))
    assert run.stopped == "precision"
    assert not dropped(run)
    standings = field.standings(run.rounds.record, run.rounds.plan)
    assert [(one.engine, one.alive, one.nearest) for one in standings] == [("pytorch-fp32", True, 1.0)]


def test_few_that_are_left_race_until_rounds_of_each_count():
    """A lead-in that was lengthened at the first look takes all rounds before it from one."""

    def disturbs(number: int, attempt: int, cell: Cell) -> bool:
        return cell.engine == "onnxruntime-int8" and number <= 6

    run = conduct(racing=("onnxruntime-int8",), session={"disturbs": disturbs}, quietens=False)
    assert run.rounds.record.rounds == 13


def test_what_was_never_undisturbed_has_no_ratio():
    run = conduct(racing=RACING, session={"disturbs": lambda *_: True}, quietens=False, budget_s=20.0)
    for standing in field.standings(run.rounds.record, run.rounds.plan):
        assert set(standing.ratios.values()) == {None}
        assert standing.nearest == float("inf")


def test_objectives_are_each_length_and_all_together():
    assert field.objectives((16, 128)) == [(16,), (128,), (16, 128)]
    assert field.objectives((16,)) == [(16,)]
    assert field.objectives((8, 30), (0.75, 0.25)) == [(8, 30)], "somebody's texts only"


def test_a_figure_over_lengths_is_the_geometric_mean_of_rounds_in_which_all_count():
    def disturbs(number: int, attempt: int, cell: Cell) -> bool:
        return number == 2 and is_long(cell)

    run = conduct(racing=RACING, session={"disturbs": disturbs}, quietens=False)
    record, asked = run.rounds.record, run.rounds.plan
    figures = field.figures(record, asked, 0, "onnxruntime-int8", (16, 128))
    assert list(figures) == [1, *range(3, 10)], "in round 2 one length does not count"
    assert list(figures.values()) == pytest.approx([CALL_NS["onnxruntime-int8"]] * 8)


def test_a_figure_over_shares_is_the_mean_latency_of_a_text():
    run = conduct(racing=RACING, quietens=False)
    record, asked = run.rounds.record, replace(run.rounds.plan, shares=(0.9, 0.1))
    for cell, slices in record.slices.items():
        if is_long(cell):
            slices[:] = [replace(each, ns=[7 * ns for ns in each.ns]) for each in slices]
    one = CALL_NS["onnxruntime-int8"]
    figures = field.figures(record, asked, 0, "onnxruntime-int8", (16, 128))
    assert list(figures.values()) == pytest.approx([0.9 * one + 0.1 * 7 * one] * len(figures))
    together = field.figures(record, run.rounds.plan, 0, "onnxruntime-int8", (16, 128))
    assert list(together.values()) == pytest.approx([7**0.5 * one] * len(together))


def is_long(cell: Cell) -> bool:
    return cell.case.sequence_length == 128


@pytest.mark.parametrize(
    "other", [{"scopes": ("model", "pipeline")}, {"threads": (1, 2)}, {"batch_sizes": (1, 8)}, {"blocks": 3}]
)
def test_a_race_is_of_one_kind_of_case(other: dict, two_cpus: None):
    asked = plan.Plan(RACING, (16,), (1,), (2,), ("model",), 60.0, racing=RACING)
    assert plan.accept(asked)[0].racing
    with pytest.raises(BadPlan, match="one batch size, thread count, scope and block"):
        plan.accept(replace(asked, **other))


@pytest.mark.parametrize("shares", [(0.5,), (0.5, 0.0), (0.5, 0.3, 0.2)])
def test_shares_are_one_for_each_length(shares: tuple[float, ...], two_cpus: None):
    asked = plan.Plan(RACING, (16, 128), (1,), (2,), ("model",), 60.0, racing=RACING, shares=(0.5, 0.5))
    assert plan.accept(asked)[0].shares == (0.5, 0.5)
    with pytest.raises(BadPlan, match="one above 0 for each sequence length"):
        plan.accept(replace(asked, shares=shares))
    with pytest.raises(BadPlan, match="one above 0 for each sequence length"):
        plan.from_json(asdict(replace(asked, shares=shares)))
