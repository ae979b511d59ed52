"""A search's answer as a folder that runs with nothing of ours, and checks itself where it is copied to."""

import hashlib
import json
import platform
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from src import environments
from src.accuracy import confirming, datasets
from src.accuracy.known_accuracy import Known
from src.bench import inputs
from src.bench.sitting import CASE, Sitting
from src.bundle import licences, readme, requirements, runtimes, serving
from src.bundle.claims import Claim
from src.bundle.requirements import Package
from src.bundle.runtimes import TEMPLATES, NoBundle, Runtime
from src.engines import options, registry
from src.engines.spec import EngineSpec
from src.engines.text import MAX_TOKENS, load_tokenizer
from src.facts import Facts
from src.home import utc_now
from src.host import giving_way, machine
from src.host.lock import host_lock
from src.model import source
from src.model.fingerprint import Fingerprint
from src.progress import Progress, telling_who_waits
from src.search.state import Search
from src.workers import json_child
from src.workers.handle import WorkerFailed
from src.workers.pool import Pool, clean_environment

CHECK_S = 300.0  # at most, for the bundle's own check
DIFFERENCES = {
    "model": "the model's weights",
    "artifact": "its file",
    "runtime": "its runtime",
    "cpu": "the CPU",
}


@dataclass(frozen=True)
class Measured:
    """The engine that was measured, as it is loaded once more: the Python it runs on, the folder of its
    artifact, the checkpoint's, and its answers to the project's own sentences.
    """

    python: str
    artifact: Path
    checkpoint: Path
    positive_index: int
    answers: list[Facts]


@dataclass(frozen=True)
class Bundle:
    """A folder that was handed over, what it is, and what its own check said: (check, state, text)."""

    folder: Path
    claim: Claim
    checks: tuple[tuple[str, str, str], ...]


def make(
    search: Search,
    claim: Claim,
    licence: licences.ModelLicence,
    folder: Path,
    progress: Callable[[Progress], None],
) -> Bundle:
    """Write the bundle of what a search claims into a new folder, whole or not at all. Its own check has
    passed by then, without latency. `licence` is that of the search's model. Takes the host's lock. Raises
    NoBundle, ModelError, LockError.
    """
    folder = folder.expanduser().absolute()
    check_folder(folder)
    spec = registry.get(claim.engine)
    runtime = runtimes.of_engine(spec)
    model = source.parse(search.asked.model or None)
    measured = ask_again(spec, model, search.asked.threads, claim.fingerprint, progress)
    progress(Progress("bundle", "Writing the folder"))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        place = Path(scratch) / folder.name
        place.mkdir()
        fill(place, search, claim, runtime, measured, licence)
        progress(Progress("bundle", "Checking that it answers as the engine that was measured"))
        checks = check(place, spec)
        wrong = [text for _, state, text in checks if state != "ok"]
        if wrong:
            raise NoBundle(
                f"The bundle does not pass its own check, so it was not handed over: {' '.join(wrong)}"
            )
        place.rename(folder)
    return Bundle(folder, claim, checks)


def check_folder(folder: Path) -> None:
    """Raise NoBundle where a folder is there already: nothing of somebody's is overwritten."""
    if folder.exists():
        raise NoBundle(f"{folder} is there already. Name a folder that is not, or remove it.")


def ask_again(
    spec: EngineSpec,
    model: source.ModelSource,
    threads: int,
    fingerprint: Fingerprint,
    progress: Callable[[Progress], None],
) -> Measured:
    """Load the engine that was measured once more, and have it answer the project's own sentences. Raises
    NoBundle where it is another by now.
    """
    texts = [text for text, _ in datasets.read(None)[1]]
    with closing(Pool()) as pool, host_lock("a bundle", telling_who_waits(progress), pool.pause) as lock:
        sitting = Sitting(pool, model, threads, giving_way.before(progress, lock))
        try:
            checkpoint, worker = sitting.alone(spec)
        except WorkerFailed as error:
            raise NoBundle(f"{spec.title} does not run: {error}") from error
        artifact = sitting.artifact(spec)
        if not artifact:
            raise NoBundle(f"{spec.title} loads no file: there is nothing to hand over.")
        check_same(worker.fingerprint, fingerprint)
        sitting.progress(Progress("bundle", "Asking it the sentences that are shipped"))
        try:
            logits = confirming.answers(worker, CASE, texts)
        except WorkerFailed as error:
            raise NoBundle(f"{spec.title} does not answer: {error}") from error
        answers = [{"text": text, "logits": list(pair)} for text, pair in zip(texts, logits, strict=True)]
        python = str(worker.facts.get("python") or platform.python_version())
        return Measured(
            python, artifact, checkpoint.folder, checkpoint.manifest["facts"]["positive_index"], answers
        )


def check_same(now: Fingerprint, then: Fingerprint) -> None:
    """Raise NoBundle where an engine is not what was measured: no figure is known of it."""
    if now.same(then):
        return
    told = [
        f"{words} ({getattr(then, name) or 'not recorded'} then, {getattr(now, name) or 'not known'} now)"
        for name, words in DIFFERENCES.items()
        if getattr(now, name) != getattr(then, name) or not getattr(now, name)
    ]
    raise NoBundle(
        f"It is not what was measured any more: {', '.join(told)}. Search again: python -m src find"
    )


def fill(
    place: Path,
    search: Search,
    claim: Claim,
    runtime: Runtime,
    measured: Measured,
    licence: licences.ModelLicence,
) -> None:
    """Write all files of a bundle."""
    spec = registry.get(claim.engine)
    weights = runtimes.model_files(runtime, measured.artifact)
    for path in [*weights, measured.checkpoint / "tokenizer.json"]:
        shutil.copyfile(path, place / path.name)
    given = runtimes.settings(
        spec, search.asked.threads, measured.artifact, measured.positive_index, MAX_TOKENS
    )
    packages = runtimes.packages(spec)
    needed = requirements.closure(packages, spec.environment)
    main = needed[: len(packages)]
    texts = {
        "settings.json": as_json(given),
        "answers.json": as_json(measured.answers),
        "texts.json": as_json(timed_texts(claim, measured.checkpoint / "tokenizer.json", search.asked.seed)),
        "infer.py": runtime.infer(options.tokenizer(spec)),
        "check.py": (TEMPLATES / "check.py").read_text(encoding="utf-8"),
        "requirements.txt": requirements.as_text(needed),
        **serving.files(measured.python, needed),
        "Dockerfile": dockerfile(measured.python),
        "LICENSE": licences.licence_text(licence),
        "NOTICE": licences.notice(licence, needed),
    }
    for name, text in texts.items():
        (place / name).write_text(text, encoding="utf-8")
    evidence = evidence_of(search, claim, main, measured)
    evidence["a_graph_a_length"] = given.get("a_graph_a_length", False)
    evidence["model_files"] = [*(path.name for path in weights), "tokenizer.json", "settings.json"]
    about = readme.text(evidence, claim.proposal, licence, accuracy_of(search, claim))
    (place / "README.md").write_text(about, encoding="utf-8")
    evidence["files"] = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(place.iterdir())
    }
    (place / "evidence.json").write_text(as_json(evidence), encoding="utf-8")


def as_json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def timed_texts(claim: Claim, tokenizer: Path, seed: int) -> dict[str, tuple[str, ...]]:
    """Return texts of each length that was measured, composed as those of its runs were."""
    tokens = inputs.counter(load_tokenizer(str(tokenizer)))
    return {str(each.tokens): inputs.compose(each.tokens, tokens, seed) for each in claim.latencies}


def dockerfile(python: str) -> str:
    """Return a Dockerfile that checks the bundle where it runs, on the Python that was measured."""
    minor = python.rpartition(".")[0]
    return (TEMPLATES / "Dockerfile").read_text(encoding="utf-8").replace("PYTHON", minor)


def accuracy_of(search: Search, claim: Claim) -> Known | None:
    """Return the accuracy on which a configuration passed its screen."""
    known = {screened.engine: screened.accuracy for screened in search.screened}
    return known.get(claim.engine)


def evidence_of(search: Search, claim: Claim, packages: list[Package], measured: Measured) -> Facts:
    """Return what the bundle's figures rest on."""
    spec, host = registry.get(claim.engine), claim.host
    accuracy = accuracy_of(search, claim)
    return {
        "configuration": claim.engine,
        "title": spec.title,
        "options": dict(spec.options),
        "scope": search.asked.scope,
        "threads": options.threads(spec, search.asked.threads),
        "latency_ms": {str(each.tokens): each.ms for each in claim.latencies},
        "latency_ms_of_processes": {str(each.tokens): each.of_processes for each in claim.latencies},
        "fast_at_tokens": list(claim.proposal.lengths),
        "percentile": claim.proposal.percentile,
        "finalists": [asdict(finalist) for finalist in claim.proposal.finalists],
        "accuracy": asdict(accuracy) if accuracy else None,
        "cpu": {
            "name": host.get("cpu", ""),
            "flags": list(host.get("isa") or ()),
            "flags_looked_at": sorted(machine.ISA_FLAGS),
        },
        "host": {name: host.get(name) for name in ("allowed_cpus", "memory_gb", "system")},
        "python": measured.python,
        "packages": {package.name: package.version for package in packages},
        "search": search.id,
        "searched_at": search.begun_at,
        "runs": list(claim.runs),
        "made_at": utc_now(),
    }


def check(place: Path, spec: EngineSpec) -> tuple[tuple[str, str, str], ...]:
    """Return what the bundle's own check says in the environment of its engine, without latency. Raises
    NoBundle where it does not run.
    """
    command = [environments.interpreter(spec.environment), "check.py", "--quick", "--json"]
    environment = {**clean_environment(None), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        told = json_child.ask(command, place, environment, CHECK_S)
    except json_child.NothingTold as error:
        raise NoBundle(f"The bundle's own check {error}") from error
    return tuple((each["check"], each["state"], each["text"]) for each in told)
