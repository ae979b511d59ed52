"""The engines of one sentence, or of an accuracy: built, loaded and looked at, one after the other."""

import logging
from collections.abc import Callable
from pathlib import Path

from src.accuracy import confirming
from src.engines.spec import EngineSpec
from src.limits import public
from src.model import cache, fingerprint, source
from src.progress import Progress
from src.workers.asking import Failure
from src.workers.building import CHECKPOINT, build_artifacts
from src.workers.handle import Handle, WorkerFailed
from src.workers.pool import Pool

CASE = "sentence"

log = logging.getLogger(__name__)


class Sitting:
    """Who is here: `workers` by engine, `failures`, and the fingerprint of the weights."""

    def __init__(
        self, pool: Pool, model: source.ModelSource, threads: int, progress: Callable[[Progress], None]
    ) -> None:
        self.pool = pool
        self.model = model
        self.threads = threads
        self.progress = progress
        self.failures: list[Failure] = []
        self.workers: dict[str, Handle] = {}
        self.weights = ""

    def fail(self, id: str, reason: str) -> None:
        log.warning("%s failed: %s", id, reason)
        self.failures.append(Failure(id, public(reason)))
        self.workers.pop(id, None)

    def build(self, specs: list[EngineSpec]) -> list[EngineSpec]:
        """Make sure that what is not loaded yet is built and sound; return the engines whose artifact is."""
        cold = [spec for spec in specs if not self.pool.is_warm(spec, self.artifact(spec), self.threads)]
        failures = build_artifacts(cold, self.model, self.progress, self.pool.wait)
        for failure in failures:
            self.fail(failure.engine, failure.reason)
        failed = {failure.engine for failure in failures}
        return [spec for spec in specs if spec.id not in failed]

    def checkpoint(self) -> cache.Artifact:
        """Return the model in use, and note its weights. Raises ModelError where it is not there."""
        checkpoint = cache.required(CHECKPOINT, self.model)
        self.weights = fingerprint.of_model(self.model, checkpoint)
        return checkpoint

    def alone(self, spec: EngineSpec) -> tuple[cache.Artifact, Handle]:
        """Build and load one engine; return the model and its worker. Raises ModelError, and WorkerFailed
        with why it does not run.
        """
        self.build([spec])
        checkpoint = self.checkpoint()
        self.load([spec], checkpoint.folder / "tokenizer.json")
        if spec.id not in self.workers:
            raise WorkerFailed(" ".join(failure.reason for failure in self.failures))
        return checkpoint, self.workers[spec.id]

    def artifact(self, spec: EngineSpec) -> Path | None:
        """Return the folder of the engine's artifact; None for one that loads nothing."""
        return cache.place(spec.recipe, self.model) if spec.recipe else None

    def load(self, specs: list[EngineSpec], tokenizer: Path) -> None:
        """Get a warm worker of each engine; what is new is looked at whether its accuracy is known."""
        keep = {spec.id for spec in specs}
        for number, spec in enumerate(specs, 1):
            folder = self.artifact(spec)
            if not self.pool.is_warm(spec, folder, self.threads):
                self.progress(Progress("load", f"Loading {spec.title}", number, len(specs)))
            try:
                worker = self.pool.get(spec, folder, tokenizer, self.threads, keep)
                confirming.identify(worker, folder, self.weights, CASE)
                self.workers[spec.id] = worker
            except WorkerFailed as failure:
                self.fail(spec.id, str(failure))
