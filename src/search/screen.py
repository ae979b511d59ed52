"""Who may race: built, loaded, and shown to keep the accuracy. Nothing is timed here.

An option that a runtime does not know, or takes without doing anything, makes its engine fail when it is
loaded (src/engines/options.py); it is not counted as tried.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from src.accuracy import accuracy_files, confirming, datasets, known_accuracy
from src.accuracy.accuracy_result import Accuracy, EngineAccuracy
from src.accuracy.gate import HOLDS
from src.accuracy.known_accuracy import ANSWER_TOLERANCE, Known
from src.bench import accuracy
from src.bench.sitting import CASE, Sitting
from src.engines import registry
from src.engines.options import registry_row
from src.host import giving_way, machine
from src.host.lock import host_lock
from src.model import source
from src.model.fingerprint import Fingerprint
from src.progress import Progress, telling_who_waits
from src.search.asked import Asked
from src.workers.handle import WorkerFailed
from src.workers.pool import Pool

PASSES, FAILED, INACCURATE, NOT_PROVEN, TOO_LARGE = (
    "passes",
    "failed",
    "loses too much accuracy",
    "accuracy not proven",
    "too large",
)


@dataclass(frozen=True)
class Screened:
    """What came of a configuration: `state` is one of those above, `reason` a sentence for people. `accuracy`
    is what its state rests on, `memory_mb` its proportional set size, `load_s` how long it took to load.
    """

    engine: str
    state: str
    reason: str = ""
    accuracy: Known | None = None
    memory_mb: float | None = None
    load_s: float | None = None

    @property
    def passes(self) -> bool:
        return self.state == PASSES


@dataclass(frozen=True)
class Loaded:
    """A configuration that was loaded: what it takes, and what is known of its accuracy so far."""

    memory_mb: float
    load_s: float
    accuracy: Known | None


def screen(
    pool: Pool,
    asked: Asked,
    ids: Sequence[str],
    progress: Callable[[Progress], None],
    keep: Callable[[Screened], None],
) -> None:
    """Look at configurations, and hand what came of each to `keep` as soon as it is known. Takes the host's
    lock. Raises ModelError, BadDataset, UnknownEngine, LockError, KeyboardInterrupt.
    """
    model = source.parse(asked.model or None)
    sitting = Sitting(pool, model, asked.threads, progress)
    sentences = len(datasets.pool(asked.datasets)[1])
    unknown: dict[str, Loaded] = {}
    with host_lock("a search", telling_who_waits(progress), pool.pause) as lock:
        sitting.progress = giving_way.before(progress, lock)
        specs = sitting.build([registry.get(id) for id in ids])
        tokenizer = sitting.checkpoint().folder / "tokenizer.json"
        rows = Rows(sitting, tokenizer)
        for number, spec in enumerate(specs, 1):
            sitting.progress(Progress("screen", f"Screening {spec.title}", number, len(specs)))
            sitting.load([spec], tokenizer)
            if spec.id not in sitting.workers:
                continue
            try:
                loaded = look(sitting, rows, spec.id)
            except WorkerFailed as error:
                sitting.fail(spec.id, str(error))
                continue
            finally:
                sitting.pool.drop(spec.id)
            told = judge(asked, spec.id, loaded, loaded.accuracy)
            if told.state == NOT_PROVEN and (told.accuracy.n if told.accuracy else 0) < sentences:
                unknown[spec.id] = loaded
            else:
                keep(told)
    for failure in sitting.failures:
        if failure.engine in ids:  # a row that options are held against was not asked for
            keep(Screened(failure.engine, FAILED, failure.reason))
    if asked.datasets:
        unknown = settle_the_same(pool, asked, unknown, progress, keep)
    if unknown:
        measure(pool, asked, unknown, progress, lambda one, _: keep(one))


class Rows:
    """The rows that configurations are of: their answers to the project's own sentences, asked for once."""

    def __init__(self, sitting: Sitting, tokenizer: Path) -> None:
        self.sitting = sitting
        self.tokenizer = tokenizer
        self.texts = [text for text, _ in datasets.read(None)[1]]
        self.answers: dict[str, tuple[Fingerprint, list[list[float]]]] = {}

    def ask(self, id: str) -> list[list[float]]:
        worker = self.sitting.workers[id]
        return [list(pair) for pair in confirming.answers(worker, CASE, self.texts)]

    def of(self, row: str) -> tuple[Fingerprint, list[list[float]]] | None:
        """Return what a row is, and its answers; None where it cannot be loaded."""
        if row not in self.answers:
            self.sitting.load([registry.get(row)], self.tokenizer)
            if row not in self.sitting.workers:
                return None
            self.answers[row] = self.sitting.workers[row].fingerprint, self.ask(row)
            self.sitting.pool.drop(row)
        return self.answers[row]

    def compare(self, id: str) -> None:
        """Hold the answers of a configuration, which is loaded, against its row's."""
        worker = self.sitting.workers[id]
        if known_accuracy.row_it_answers_as(worker.fingerprint):
            return
        answers = self.ask(id)
        if row := self.of(registry_row(id)):
            known_accuracy.hold_against_row(worker.fingerprint, row[0], answers, row[1])


def look(sitting: Sitting, rows: Rows, id: str) -> Loaded:
    """Return what a configuration takes, and what is known of its accuracy. Raises WorkerFailed."""
    worker = sitting.workers[id]
    memory_mb = machine.pss_mb(worker.process.pid)
    known = known_accuracy.of(worker.fingerprint)
    if not known and registry_row(id) != id:
        rows.compare(id)
        known = known_accuracy.of(worker.fingerprint)
    return Loaded(memory_mb, worker.load_s, known)


def settle_the_same(
    pool: Pool,
    asked: Asked,
    unknown: dict[str, Loaded],
    progress: Callable[[Progress], None],
    keep: Callable[[Screened], None],
) -> dict[str, Loaded]:
    """Settle on the project's own sentences what computes the same as the accuracy baseline by another road:
    all labels are its, and each logit is within ANSWER_TOLERANCE. Return the others: thousands of sentences
    take an engine minutes, and one that compiles for each length far longer.
    """
    new = {id: loaded for id, loaded in unknown.items() if not loaded.accuracy}
    left = dict(unknown)

    def take(one: Screened, engine: EngineAccuracy | None) -> None:
        if engine is None or (one.passes and answers_the_same(engine)):
            del left[one.engine]
            keep(one)

    if new:
        measure(pool, replace(asked, datasets=()), new, progress, take)
    return left


def answers_the_same(engine: EngineAccuracy) -> bool:
    """Tell whether an engine answers as the accuracy baseline does, up to rounding."""
    delta = engine.max_abs_delta_logit
    return not engine.flips and delta is not None and delta <= ANSWER_TOLERANCE


def measure(
    pool: Pool,
    asked: Asked,
    unknown: dict[str, Loaded],
    progress: Callable[[Progress], None],
    keep: Callable[[Screened, EngineAccuracy | None], None],
) -> None:
    """Measure the accuracy of those of which too little is known; each is kept, as `accuracy` does, as soon
    as it is there. None is given with what failed.
    """

    def take(result: Accuracy) -> None:
        accuracy_files.keep(result)
        (engine,) = result.engines
        known = known_accuracy.of_engine(result, engine, known_accuracy.MEASURED)
        keep(judge(asked, engine.engine, unknown[engine.engine], known), engine)

    model = source.parse(asked.model or None)
    result = accuracy.measure(pool, asked.datasets, list(unknown), model, progress, take)
    measured = {engine.engine for engine in result.engines}
    failures = {failure.engine: failure.reason for failure in result.failures}
    for id in unknown.keys() - measured:
        keep(Screened(id, FAILED, failures.get(id, "It did not answer.")), None)


def exceeds(asked: Asked, loaded: Loaded) -> str:
    """Return in words by what a configuration is too large; "" where it is not."""
    if asked.memory_mb is not None and loaded.memory_mb > asked.memory_mb:
        return f"It takes {loaded.memory_mb:.0f} MB; {asked.memory_mb:.0f} were allowed."
    if asked.load_s is not None and loaded.load_s > asked.load_s:
        return f"It took {loaded.load_s:.1f} s to load; {asked.load_s:g} were allowed."
    return ""


def judge(asked: Asked, id: str, loaded: Loaded, known: Known | None) -> Screened:
    """Return what came of a configuration that was loaded."""
    state, reason = PASSES, exceeds(asked, loaded)
    if reason:
        state = TOO_LARGE
    elif not known or known.high is None or known.low is None:
        if not known or known.state != HOLDS:
            state, reason = NOT_PROVEN, "Nothing is known of its accuracy here."
    elif known.low > asked.max_drop:
        state = INACCURATE
        reason = f"It loses at least {known.low:.2%} of FP32's accuracy; {asked.max_drop:.2%} were allowed."
    elif known.high > asked.max_drop:
        state = NOT_PROVEN
        reason = (
            f"It may lose up to {known.high:.2%} of FP32's accuracy by {known.n:,} sentences, and "
            f"{asked.max_drop:.2%} were allowed. Give more labelled sentences: --dataset."
        )
    return Screened(id, state, reason, known, loaded.memory_mb, loaded.load_s)
