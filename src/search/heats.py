"""What a search's runs have told: who stood how, who is left, and what an option did for its row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from src.bench import field
from src.bench.blocks import LEAST_COUNTING
from src.bench.field import Standing
from src.bench.plan import BLOCKS, Plan, from_json
from src.bench.record import Record
from src.search import answer
from src.search.answer import Proposal
from src.search.state import Heat, Search
from src.stats import FEWEST_ROUNDS, paired_ratio
from src.store import runs
from src.store.database import Store


def record_of(store: Store, heat: Heat) -> Record:
    return runs.record(store, heat.run)


def run_s(store: Store, heat: Heat) -> float:
    """Return how long a run of a search took."""
    return seconds(record_of(store, heat))


def seconds(record: Record) -> float:
    """Return how long a run took, from when it had the host; one that was killed until its last slice."""
    if record.ended:
        return record.ended.seconds
    return max((slice.at_s for slices in record.slices.values() for slice in slices[-1:]), default=0.0)


@dataclass(frozen=True)
class Cost:
    """What an engine costs in a run, in seconds: to be set up, and in each round. On a noisy host a share of
    the rounds `counts`.
    """

    setting_up_s: float
    round_s: float
    counts: float

    def run_s(self, engines: int, rounds: int, blocks: int = 1) -> float:
        """Return how long so many engines take for so many rounds that count in each block."""
        return engines * blocks * (self.setting_up_s + rounds / self.counts * self.round_s)


def cost(store: Store, search: Search) -> Cost | None:
    """Return what an engine cost in the latest of the races with most engines; None before the first."""
    raced = [heat for heat in search.races if heat.run and heat.ended]
    if not raced:
        return None
    record = record_of(store, max(reversed(raced), key=lambda heat: len(heat.field)))
    slices = sum(map(len, record.slices.values()))
    engines = len({cell.engine for cell in record.slices})
    if not record.ended or not slices:
        return None
    cases = len(plan_of(record).cases)
    rounds_s = record.ended.slices_s + record.ended.waited_s
    setting_up_s = record.ended.seconds - rounds_s
    counting = sum(len(record.undisturbed(cell)) for cell in record.slices) / slices
    return Cost(max(0.0, setting_up_s) / engines, cases * rounds_s / slices, max(LEAST_COUNTING, counting))


def standings(store: Store, heat: Heat) -> list[Standing]:
    """Return how those of a race's field stood."""
    record = record_of(store, heat)
    stood = field.standings(record, plan_of(record))
    return [standing for standing in stood if standing.engine in heat.field]


def alive(store: Store, heat: Heat) -> list[str]:
    """Return who is left of a race, nearest to the leader first; none of one that had no figures yet."""
    stood = standings(store, heat) if heat.run else []
    return [one.engine for one in stood if one.alive and one.rounds >= FEWEST_ROUNDS]


def survivors(store: Store, search: Search, generation: int) -> list[str]:
    """Return who is left of a generation's races."""
    heats = search.of(generation)
    return alive(store, heats[-1]) if heats else []


def ratios(record: Record, ids: Sequence[str], row: str) -> dict[str, float]:
    """Return the ratio of each configuration to its row in a race, over all lengths together; without those
    that were not in memory with it.
    """
    plan = plan_of(record)
    groups = {cell.engine: cell.group for cell in record.slices}
    known = {}
    for id in ids:
        if id in groups:
            ours, theirs = (
                field.figures(record, plan, groups[id], engine, plan.sequence_lengths) for engine in (id, row)
            )
            if pair := paired_ratio(ours, theirs):
                known[id] = pair.ratio
    return known


def counted(store: Store, search: Search) -> Search:
    """Return a search that goes on: with the time of runs that were killed as spent, and with those as ended
    whose last event was still kept.
    """
    heats, spent_s = [], search.spent_s
    for heat in search.heats:
        if not heat.run:
            continue
        if not heat.counted:
            spent_s += run_s(store, heat)
        heats.append(replace(heat, counted=True, ended=heat.ended or came_to_its_end(record_of(store, heat))))
    return replace(search, spent_s=spent_s, heats=tuple(heats))


def came_to_its_end(record: Record) -> bool:
    """Tell whether a run ended by itself, neither killed nor stopped by somebody."""
    return record.ended is not None and record.ended.stopped != "interrupted"


def missing_blocks(store: Store, search: Search) -> int:
    """Return how many blocks are still to be measured: those of a confirmation that was killed."""
    begun = search.confirmations
    if not begun:
        return BLOCKS
    if begun[-1].ended:
        return 0
    record = record_of(store, begun[-1])
    return max(0, BLOCKS - answer.whole_blocks(record, plan_of(record)))


def confirmations(store: Store, search: Search) -> list[tuple[Record, Plan]]:
    """Return the confirmations that make a search's figures: the last, and earlier ones that all of its field
    were in.
    """
    begun = search.confirmations
    if not begun:
        return []
    last = set(begun[-1].field)
    records = [record_of(store, heat) for heat in begun if last <= set(heat.field)]
    told = [(record, plan_of(record)) for record in records]
    # One that was killed in its first block has nothing to say, and not of all.
    return [(record, plan) for record, plan in told if answer.whole_blocks(record, plan)]


def proposals(store: Store, search: Search) -> list[Proposal]:
    """Return a search's answer by objective, by its confirmations so far."""
    return proposals_of(search, confirmations(store, search))


def proposals_of(search: Search, told: Sequence[tuple[Record, Plan]]) -> list[Proposal]:
    """Return a search's answer by objective, by confirmations that were read."""
    if not told:
        return []
    last = search.confirmations[-1].field
    asked = search.asked
    answers = (answer.propose(told, last, lengths, asked.percentile) for lengths in asked.objectives)
    return [proposal for proposal in answers if proposal]


def plan_of(record: Record) -> Plan:
    assert record.begun
    return from_json(record.begun.plan)
