"""What a bundle may claim: the figures of a search's confirmation for one of its finalists."""

from dataclasses import dataclass

from src.bench.field import Objective
from src.bundle.runtimes import NoBundle
from src.facts import Facts
from src.model import fingerprint
from src.model.fingerprint import Fingerprint
from src.search import heats
from src.search.answer import Proposal, blocks_of
from src.search.state import Search
from src.stats import median
from src.store.database import Store


@dataclass(frozen=True)
class Latency:
    """The latency of one length in milliseconds, batch 1: the median of all rounds, and that of each process
    that was measured.
    """

    tokens: int
    ms: float
    of_processes: tuple[float, ...]


@dataclass(frozen=True)
class Claim:
    """A finalist of a search: for which objective it was chosen, how fast it was at each length, in which
    runs, on which host, and what exactly it is.
    """

    proposal: Proposal
    engine: str
    latencies: tuple[Latency, ...]
    runs: tuple[str, ...]
    host: Facts
    fingerprint: Fingerprint


def choose(search: Search, proposals: list[Proposal], lengths: Objective) -> Proposal:
    """Return a search's answer for an objective; without one the last: for all lengths together. Raises
    NoBundle.
    """
    if not proposals:
        raise NoBundle(
            f"Search {search.id} has confirmed nothing yet. Go on: python -m src find --resume {search.id}"
        )
    answers = {proposal.lengths: proposal for proposal in proposals}
    if lengths and lengths not in answers:
        known = " or ".join(",".join(map(str, known)) for known in answers)
        asked = ",".join(map(str, lengths))
        raise NoBundle(f"Search {search.id} has no answer for {asked} tokens. Ask for {known}: --seq-len.")
    return answers[lengths] if lengths else proposals[-1]


def claim(store: Store, search: Search, lengths: Objective = (), engine: str = "") -> Claim:
    """Return what is claimed of the configuration that a search proposes for some lengths, or of another of
    its finalists. Raises NoBundle.
    """
    confirmations = heats.confirmations(store, search)
    proposal = choose(search, heats.proposals_of(search, confirmations), lengths)
    names = [finalist.name for finalist in proposal.finalists]
    chosen = engine or proposal.simplest
    if chosen not in names:
        raise NoBundle(f"{chosen} was not confirmed. Confirmed were: {', '.join(names)}.")
    latencies = []
    for length in search.asked.lengths:
        blocks = [
            list(block.values())
            for record, plan in confirmations
            for block in blocks_of(record, plan, (length,))[chosen]
            if block
        ]
        if blocks:
            figures = [value for block in blocks for value in block]
            latencies.append(Latency(length, median(figures), tuple(map(median, blocks))))
    record = confirmations[-1][0]
    loaded = next(entry for entry in record.loaded.values() if entry.engine == chosen)
    assert record.begun
    return Claim(
        proposal,
        chosen,
        tuple(latencies),
        tuple(record.begun.id for record, _ in confirmations if record.begun),
        record.begun.host,
        fingerprint.of_engine(
            chosen,
            record.begun.model.get("fingerprint", ""),
            loaded.artifact,
            loaded.facts,
            fingerprint.of_cpu(record.begun.host),
        ),
    )
