"""Is what the home page tells of a sentence what the engine takes? Its figures beside hot loops."""

import random
from collections.abc import Iterator
from contextlib import closing

from src.bench import inputs, sentence
from src.bench.sitting import CASE
from src.doctor.continuous import own_loops
from src.doctor.fidelity import HOT_WARM_UP_S, LOAD_S, Settings, accept, visit_s
from src.doctor.fidelity_ratios import Key, Observation, loops_first, observe, turns_around
from src.doctor.hot_loops import HotLoops, Tell, build, lock
from src.figures.judging import middle
from src.host import machine
from src.model import source
from src.workers import asking
from src.workers.pool import Pool

DEMO = "This Live-event is great. I will sign up for Infinity."  # Infinity's: 16 tokens
SENTENCE_S = 0.5  # an engine's part of a sentence, for the estimate


def estimate_sentences_s(settings: Settings) -> float:
    """Return about how many seconds the sentences and their hot loops take on a quiet host."""
    engines = len(settings.engines)
    loading_s = engines * (LOAD_S + HOT_WARM_UP_S) + (engines + 1) * LOAD_S
    return settings.pairs * (loading_s + (1 + settings.visits) * engines * (SENTENCE_S + visit_s(settings)))


def sentences(settings: Settings, model: source.ModelSource, tell: Tell, text: str) -> Iterator[Observation]:
    """Compare what the home page tells of a sentence with hot loops over this one text, scope pipeline.

    Of the settings, lengths, sizes and scopes are not used. Yields and raises as `plans` does, and
    BadSentence.
    """
    text = asking.clean(text)
    accept(settings)
    build(settings.engines, model, tell)
    with closing(HotLoops(model, machine.default_threads(), settings.seconds)) as loops:
        for pair in range(1, settings.pairs + 1):
            tell(f"Pair {pair} of {settings.pairs}")
            observations = measure_sentences(settings, loops, pair, text, model, tell)
            loops.unload()
            yield from observations


def measure_sentences(
    settings: Settings, loops: HotLoops, pair: int, text: str, model: source.ModelSource, tell: Tell
) -> list[Observation]:
    """Measure the text `visits` times by workers of their own, hot loops before and after each time.

    The order of those is turned round each time, so that each is as long before the worker's turn as after
    it. The first time loads and warms up, and does not count; hot loops are loaded before or after it.
    """
    tokens = min(loops.count_tokens(text) + inputs.FRAME, inputs.LONGEST)
    cells: list[Key] = [(id, tokens, "pipeline") for id in settings.engines]
    workers_ms: dict[Key, list[float | None]] = {cell: [] for cell in cells}
    loops_ms: dict[Key, list[float | None]] = {cell: [] for cell in cells}
    reasons: dict[Key, str] = {}
    order = random.Random(pair).sample(cells, len(cells))

    def load(pool: Pool) -> None:
        with lock(tell):
            if settings.within:
                loops.take(own_loops(pool, settings.engines, CASE))
            else:
                loops.load(settings.engines, {tokens: (text,)}, ("pipeline",))

    first = loops_first(pair) and not settings.within
    with closing(Pool()) as pool:
        for number in range(1 + settings.visits):
            if not number and first:
                load(pool)
            answer = sentence.answer(pool, text, list(settings.engines), model)
            if not number and not first:
                load(pool)
            if number:
                rows = {row.engine: row.pipeline.median_ms for row in answer.engines}
                for cell in cells:
                    workers_ms[cell].append(None if answer.noise.noisy else rows.get(cell[0]))
            reasons |= {(failure.engine, tokens, "pipeline"): failure.reason for failure in answer.failures}
            if answer.noise.noisy:
                reasons |= dict.fromkeys(cells, answer.noise.reason)
            with lock(tell):
                for cell in order:
                    loops_ms[cell].append(loops.visit_ms(cell, reasons))
            order.reverse()
    observations = []
    for cell in cells:
        turns = turns_around(workers_ms[cell], loops_ms[cell])
        typical_ms, ratio = middle(workers_ms[cell]), middle(turn.ratio for turn in turns)
        observations.append(observe(pair, len(cells), cell, typical_ms, ratio, turns, "", reasons))
    return observations
