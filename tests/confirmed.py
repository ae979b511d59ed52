"""A search whose confirmation's times are made up, of engines that are really loaded here: what a bundle is
made of.
"""

import itertools
from contextlib import closing
from dataclasses import asdict, replace

from src.bench.plan import Plan
from src.bench.sitting import Sitting
from src.engines import registry
from src.host import machine
from src.model import source
from src.search import state
from src.search.asked import Asked
from src.search.screen import PASSES, Screened
from src.search.state import CONFIRMATION, Heat, Search
from src.store import transfer
from src.store.database import Store
from src.workers.pool import Pool
from tests.unit.test_results import made
from tests.unit.test_store import with_id

ROUNDS = 20
NUMBERS = itertools.count(1)
TIMES_MS = (2.0, 2.1, 2.2, 2.3)


def confirmed(store: Store, *engines: str, model: str = "embedded") -> Search:
    """Return a search that has confirmed these engines, fastest first, one thread each, and is kept."""
    times = dict(zip(engines, TIMES_MS, strict=False))
    plan = Plan(engines, (16,), (1,), (2,), ("model",), 60.0, baseline=engines[0], blocks=2)
    run = f"20261127-{next(NUMBERS):06d}-abcd"
    record = with_id(
        made(times, rounds=2 * ROUNDS), run, plan=asdict(plan), host=machine.evidence(), model={}
    )
    with closing(Pool()) as pool:
        sitting = Sitting(pool, source.parse(model), 1, lambda _: None)
        specs = sitting.build([registry.get(id) for id in engines])
        tokenizer = sitting.checkpoint().folder / "tokenizer.json"
        sitting.load(specs, tokenizer)
        assert not sitting.failures
        assert record.begun
        record.begun = replace(record.begun, model={"fingerprint": sitting.weights})
        for id, worker in sitting.workers.items():
            loaded = record.loaded[0, id, 2]
            told = replace(loaded, artifact=worker.fingerprint.artifact, facts=worker.facts)
            record.loaded[0, id, 2] = told
            record.add(replace(told, from_round=ROUNDS + 1))
    transfer.keep(store, record)
    search = replace(
        state.begin(Asked((16,), 600.0, 1, engines=engines, model=model)),
        screened=tuple(Screened(id, PASSES) for id in engines),
        heats=(Heat(CONFIRMATION, engines, run, True, True),),
    )
    state.keep(search)
    return search
