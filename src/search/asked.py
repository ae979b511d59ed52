"""What somebody asks of a search: the workload, what a configuration must keep to, and for how long."""

from dataclasses import dataclass
from pathlib import Path

from src.accuracy.datasets import HUB
from src.accuracy.gate import GATE
from src.bench import windows
from src.bench.field import Objective, objectives
from src.bench.plan import SCOPES, Plan, accept
from src.engines import registry
from src.errors import Explained
from src.stats import MEDIAN

LEAST_BUDGET_S = 120.0
PERCENTILES = (MEDIAN, windows.RANK)
MAX_DROP = round(1 - GATE, 4)  # as the gate has it


class BadSearch(Explained, ValueError):
    """A search that cannot be carried out. The message says what to ask for instead."""


@dataclass(frozen=True)
class Asked:
    """The workload: sequence lengths in tokens, scope and threads, batch 1. What a configuration must keep
    to: the accuracy it may lose against FP32 as a share (`max_drop`, to be ruled out at 95 %), memory in MB
    and seconds to load, if any, and the packages that may be needed (None: all). `engines` are the rows to
    begin with (none: all that can run here), `releases` other ones of their runtimes (RUNTIME@VERSION) to
    try, `datasets` labelled sentences beside what is stored with the model. `texts` names a file of own texts
    for which the lengths stand, in these `shares` of them. What is to be low is this `percentile` of the
    calls. `budget_s` is for the whole search.
    """

    lengths: tuple[int, ...]
    budget_s: float
    threads: int
    scope: str = "model"
    engines: tuple[str, ...] = ()
    packages: tuple[str, ...] | None = None
    datasets: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    max_drop: float = MAX_DROP
    memory_mb: float | None = None
    load_s: float | None = None
    model: str = ""
    seed: int = 0
    texts: str = ""
    shares: tuple[float, ...] = ()
    percentile: int = MEDIAN

    @property
    def objectives(self) -> list[Objective]:
        return objectives(self.lengths, self.shares)


def placed(dataset: str) -> str:
    """Return a data set as who conducts the search finds it, wherever it was asked for."""
    return dataset if dataset == HUB else str(Path(dataset).expanduser().absolute())


def check(asked: Asked) -> None:
    """Raise BadSearch for what no search can be made of, and BadPlan for what no run of it can: before
    minutes of screening.
    """
    if asked.budget_s < LEAST_BUDGET_S:
        raise BadSearch(
            f"A search of {asked.budget_s:g} s was asked for. Give at least {LEAST_BUDGET_S:g} s: engines "
            "are loaded several times."
        )
    if not 0 < asked.max_drop < 1:
        raise BadSearch(f"A drop of {asked.max_drop:.2%} was asked for. Give a percentage such as 1.")
    if asked.scope not in SCOPES:
        raise BadSearch(f"The scope {asked.scope} was asked for. Ask for {' or '.join(SCOPES)}.")
    if asked.percentile not in PERCENTILES:
        raise BadSearch(f"Percentile {asked.percentile} was asked for. Ask for one of {PERCENTILES}.")
    if asked.shares and asked.percentile != MEDIAN:
        raise BadSearch("Of your own texts the mean latency is compared. Ask for no percentile with them.")
    if not asked.lengths:
        raise BadSearch("No sequence length was asked for. Name at least one.")
    cases = (asked.lengths, (1,), (asked.threads,), (asked.scope,))
    accept(Plan((registry.BASELINE,), *cases, asked.budget_s, shares=asked.shares))
