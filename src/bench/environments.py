"""Making and removing the isolated environments. What is there is told by src/environments.py."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from src import environments, releases
from src.bench import catalogue, sentence
from src.bench.environment_space import discard, size_mb, to_remove
from src.bench.installing import install
from src.engines import registry, released
from src.engines.rows_portable import PORTABLE
from src.environments import Environment
from src.errors import OfTheMachine
from src.home import explain, home, utc_now, write_whole
from src.host.lock import host_lock
from src.model.source import ModelSource
from src.progress import Progress, telling_who_waits
from src.workers.long_command import CommandFailed
from src.workers.pool import Pool

# The first of Infinity's demo: an environment is sound when each of its engines answers it.
CHECKED_WITH = "This Live-event is great. I will sign up for Infinity."
LOOK_TIMEOUT_S = 20.0  # for a candidate to tell its version
QUESTION = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"


class EnvironmentFailed(OfTheMachine):
    """An environment could not be made or removed. The message says why and what to do next."""


@dataclass(frozen=True)
class State:
    """One environment on this host. `trouble` is empty when it can be used; sizes are in MB."""

    name: str
    title: str
    folder: str
    trouble: str
    remedy: str
    python: str | None
    created: str | None
    size_mb: float | None
    failed: dict[str, str]
    versions: dict[str, str]
    best_python: str | None = None  # the newest that its packages have a wheel for
    released_on: str | None = None  # the day on which a release's wheel was made, where it tells
    yanked: str | None = None  # why its publisher took the release back, where that happened


def state(environment: Environment) -> State:
    """Return what is known of an environment. Walks its folder for the size."""
    trouble = environments.trouble(environment.name)
    manifest = environments.manifest(environment.name)
    folder = environments.folder(environment.name)
    return State(
        environment.name,
        environment.title,
        str(folder),
        trouble.reason if trouble else "",
        trouble.remedy if trouble else "",
        manifest.get("python"),
        manifest.get("created"),
        size_mb(folder) if folder.is_dir() else None,
        manifest.get("failed", {}),
        manifest.get("versions", {}),
        manifest.get("best_python"),
        manifest.get("released_on"),
        manifest.get("yanked"),
    )


def candidates(versions: tuple[str, ...]) -> Iterator[str]:
    """Yield what may be a Python of one of these versions, best first."""
    for version in versions:
        name = f"python{version}"
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            if folder and os.access(os.path.join(folder, name), os.X_OK):
                yield os.path.join(folder, name)
        for root in (
            os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"),
            os.path.expanduser("~/.local/share/uv/python"),
            "/opt",
        ):
            places = sorted(Path(root).glob(f"versions/{version}.*/bin/{name}"))
            places += sorted(Path(root).glob(f"*{version}*/bin/{name}"))
            yield from map(str, places)
        yield from (f"/usr/bin/{name}", f"/usr/local/bin/{name}")


def find_python(environment: Environment, given: str | None = None) -> tuple[str, str]:
    """Return a Python that can make this environment, and its version: `given`, or the best that is found.

    Each is run, as a name on the path may be a shim that fails. Raises EnvironmentFailed.
    """
    for path in [given] if given else dict.fromkeys(candidates(environment.pythons)):
        version = ask_version(path)
        if version in environment.pythons:
            return path, version
    wanted = " or ".join(environment.pythons)
    if given:
        raise EnvironmentFailed(
            f"{given} is no working Python {wanted} with the modules venv and ensurepip. Name another."
        )
    raise EnvironmentFailed(
        f"The environment “{environment.name}” needs Python {wanted}, and none was found that runs. Install "
        f"one, for example with “pyenv install {environment.pythons[0]}” or “uv python install "
        f"{environment.pythons[0]}”, or name it: python -m src envs create {environment.name} --python PATH"
    )


def ask_version(path: str) -> str | None:
    """Return the version that a Python tells, such as 3.9; None for what does not run."""
    try:
        process = subprocess.run(
            [path, "-c", QUESTION], capture_output=True, text=True, timeout=LOOK_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return process.stdout.strip() if process.returncode == 0 else None


def create(
    name: str,
    model: ModelSource,
    progress: Callable[[Progress], None],
    python: str | None = None,
    anew: bool = False,
) -> State:
    """Make an environment and check that its engines answer; one that is sound is left as it is.

    Interrupted, it stays unfinished, is told as such, and is made from the beginning the next time. Takes the
    host's lock. Raises UnknownEnvironment, EnvironmentFailed, HomeError, LockError.
    """
    environment = environments.get(name)
    folder = environments.folder(name)
    elsewhere = environments.wrong_system(environment)
    if elsewhere:
        raise EnvironmentFailed(f"{elsewhere.reason} {elsewhere.remedy}")
    with host_lock("making an environment", telling_who_waits(progress)) as lock:
        if anew or environments.trouble(name):
            if release := releases.parse(name):
                environment = replace(environment, pythons=catalogue.pythons_of(release, progress))
            path, version = find_python(environment, python)
            for other in list(to_remove(name)):
                progress(Progress("environment", f"Removing “{other}”, which was used longest ago"))
                discard(environments.folder(other))
            check_disk(environment)
            try:
                discard(folder)
                installed = install(environment, path, folder, progress, lock)
            except OSError as error:
                raise EnvironmentFailed(explain(error, home())) from error
            except CommandFailed as error:
                raise EnvironmentFailed(f"{error} Mend that and run the command again.") from error
            best = environment.pythons[0]
            write_manifest(name, python=version, best_python=best, **installed._asdict())
        write_manifest(name, failed={})  # what failed last time is checked again
    write_manifest(name, failed=check(name, model, progress))
    return state(environment)


def check_disk(environment: Environment) -> None:
    free = shutil.disk_usage(home()).free / 1e9
    if free < environment.needs_gb:
        raise EnvironmentFailed(
            f"The environment “{environment.name}” takes up to {environment.needs_gb:g} GB, and {home()} has "
            f"{free:.1f} GB left. Free some, or set AWIY_HOME to a folder on another disk."
        )


def write_manifest(name: str, **known: object) -> None:
    """Write what makes an environment complete, in one step: what was known of it, and is known now.
    `failed` has the engines that did not answer, by id with the reason.
    """
    path = environments.folder(name) / environments.MANIFEST
    content = {
        **environments.manifest(name),
        "created": utc_now(),
        "versions": environments.installed_versions(name),
        **known,
    }
    write_whole(path, json.dumps(content, indent=1))


def check(name: str, model: ModelSource, progress: Callable[[Progress], None]) -> dict[str, str]:
    """Have each engine of an environment that can run on this host answer once, of a release's the first,
    one whose file old releases read before others; return what failed.
    """
    if release := releases.parse(name):
        rows = [*PORTABLE, *registry.all_engines()]
        of_release = (released.of_release(spec, release.version) for spec in rows)
        specs = [spec for spec in of_release if spec and spec.environment == name]
    else:
        specs = [spec for spec in registry.all_engines() if spec.environment == name]
    ids = [spec.id for spec in specs if not registry.availability(spec)][: 1 if release else None]
    if not ids:
        return {}
    pool = Pool()
    try:
        answered = sentence.answer(pool, CHECKED_WITH, ids, model, progress=progress)
    finally:
        pool.close()
    return {failure.engine: failure.reason for failure in answered.failures if failure.engine in ids}


def remove(name: str) -> float:
    """Remove an environment and return how many MB that gave back.

    Takes the host's lock. Raises UnknownEnvironment, EnvironmentFailed, LockError.
    """
    folder = environments.folder(environments.get(name).name)
    with host_lock("removing an environment", lambda _: None):
        if not folder.is_dir():
            raise EnvironmentFailed(
                f"There is nothing to remove: the environment “{name}” has not been created."
            )
        size = size_mb(folder)
        discard(folder)
        if folder.exists():
            raise EnvironmentFailed(f"{folder} could not be removed entirely. Remove it by hand.")
    return size
