"""The doctor: one check a function; each finding names what to do next."""

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from src import environments, system
from src.engines import registry
from src.facts import Facts
from src.home import HomeError, home
from src.host import machine
from src.host.lock import PATH as LOCK
from src.host.lock import LockError, open_lock
from src.model import ModelError, cache, embedded, recipe, source

ARTIFACTS_NEED_MB = 1500  # the artifacts of all engines take about 1 GB; building doubles one at a time


@dataclass(frozen=True)
class Finding:
    """What one check found: state ok, warning or failed; a remedy unless ok."""

    check: str
    state: str
    text: str
    remedy: str = ""

    def to_json(self) -> Facts:
        return asdict(self)


def check_system(_: source.ModelSource | None) -> Iterator[Finding]:
    here = f"Python {platform.python_version()}, {platform.system()} on {platform.machine()}"
    trouble = system.trouble_here()
    if trouble:
        yield Finding("System", "failed", trouble, f"Use a machine with {system.NEEDS}.")
    else:
        yield Finding("System", "ok", here)


def check_home(_: source.ModelSource | None) -> Iterator[Finding]:
    try:
        folder = home()
    except HomeError as error:
        yield Finding("Home", "failed", str(error), "Set AWIY_HOME.")
        return
    free = shutil.disk_usage(folder).free / 1e6
    if free < ARTIFACTS_NEED_MB:
        yield Finding(
            "Home",
            "warning",
            f"{folder} has {free:.0f} MB left.",
            f"Free {ARTIFACTS_NEED_MB} MB or set AWIY_HOME.",
        )
    else:
        yield Finding("Home", "ok", f"{folder}, {free / 1000:.0f} GB free")


def check_model(model: source.ModelSource | None) -> Iterator[Finding]:
    try:
        used = model or source.parse()
        used.fingerprint()
        if used.kind == "embedded":
            embedded.packaged_encoder()
            embedded.load_adapter()
    except ModelError as error:
        yield Finding("Model", "failed", str(error), "See the message.")
    else:
        yield Finding("Model", "ok", used.name)


def check_artifacts(model: source.ModelSource | None) -> Iterator[Finding]:
    try:
        used = model or source.parse()
        names = [spec.recipe for spec in registry.available() if spec.recipe]
        wanted = recipe.with_needs(names)
        built = [cache.find(wanted_recipe, used, verify=True) for wanted_recipe in wanted]
    except (HomeError, ModelError):
        return  # told by the checks above
    done = sum(artifact is not None for artifact in built)
    text = f"{done} of {len(wanted)} are built; the others are built when first needed."
    yield Finding("Artifacts", "ok", text)


def check_engines(_: source.ModelSource | None) -> Iterator[Finding]:
    try:
        available = registry.available()
    except HomeError:
        return  # told by the check of the home folder
    for spec in registry.all_engines():
        missing = registry.availability(spec)
        if missing and spec.environment == environments.MAIN and missing.reason.startswith("Not installed"):
            yield Finding(f"Engine {spec.id}", "warning", missing.reason, missing.remedy)
    of = sum(spec.answers for spec in registry.all_engines())
    yield Finding(
        "Engines",
        "ok" if available else "failed",
        f"{len(available)} of {of} can run here; “python -m src engines” tells why the others cannot.",
        "" if available else "pip install -r requirements.txt",
    )


def check_environments(_: source.ModelSource | None) -> Iterator[Finding]:
    """Those that nobody has made are no trouble: they are optional."""
    for environment in environments.ENVIRONMENTS:
        name = f"Environment {environment.name}"
        try:
            trouble = environments.trouble(environment.name)
        except HomeError:
            return
        failed = environments.manifest(environment.name).get("failed", {})
        if not environments.folder(environment.name).is_dir():
            yield Finding(name, "ok", f"It has not been made; {environment.engines} need it.")
        elif trouble:
            yield Finding(name, "warning", trouble.reason, trouble.remedy)
        elif failed:
            text = f"{', '.join(failed)} did not answer when it was checked."
            yield Finding(name, "warning", text, f"{environments.remedy(environment.name)} --anew")
        else:
            yield Finding(name, "ok", "It can be used.")


def check_host(_: source.ModelSource | None) -> Iterator[Finding]:
    facts = machine.facts()
    cores = (
        f"{facts['cpu']}, {facts['allowed_cpus']} CPUs on {facts['physical_cores']} physical cores "
        f"may be used"
    )
    if machine.default_threads() < machine.INFINITY_THREADS:
        yield Finding("Host", "warning", cores, "Infinity's demo had two cores: allow this process two CPUs.")
    else:
        yield Finding("Host", "ok", cores)
    if facts.get("governor", "performance") != "performance":
        yield Finding(
            "Governor",
            "warning",
            facts["governor"],
            "Set the CPU frequency governor to performance while you measure.",
        )
    load = os.getloadavg()[0]
    if load > 0.5:
        yield Finding(
            "Load", "warning", f"The load average is {load:.1f}.", "Close other programs before you measure."
        )
    else:
        yield Finding("Load", "ok", f"The load average is {load:.1f}.")
    yield Finding("Memory", "ok", f"{machine.available_mb() / 1000:.1f} GB available")


def check_lock(_: source.ModelSource | None) -> Iterator[Finding]:
    try:
        os.close(open_lock())
    except LockError as error:
        yield Finding("Host lock", "failed", str(error), f"Remove {LOCK}.")
    else:
        yield Finding("Host lock", "ok", str(LOCK))


CHECKS: tuple[Callable[[source.ModelSource | None], Iterator[Finding]], ...] = (
    check_system,
    check_home,
    check_model,
    check_artifacts,
    check_engines,
    check_environments,
    check_host,
    check_lock,
)


def examine(model: source.ModelSource | None = None) -> list[Finding]:
    """Run every check; raises nothing that a check should have told."""
    return [finding for check in CHECKS for finding in check(model)]
