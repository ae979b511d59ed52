"""Isolated environments, with a real one: Python 3.9 with NumPy 1.23, and no runtime, so that it is small."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from src import environments
from src.bench import environments as making
from src.bench import sentence
from src.engines import registry
from src.environments import Environment
from src.model.source import ModelSource
from src.workers.pool import Pool
from tests.conftest import DEMO, ROOT

OLD = Environment("old", "Python 3.9 with NumPy 1.23", ("3.9",), 0.1, "fake-old*", system=None)
REQUIREMENTS = "# comment\nnumpy==1.23.5\ntokenizers==0.10.3\n"
MODEL = ModelSource("embedded")
LISTED = ["ipex", "zentorch", "onnxruntime-openvino", "2021"]
INTERRUPTED = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from src import environments
from src.bench import environments as making
from src.model.source import ModelSource
environments.REQUIREMENTS = Path({requirements!r})
environments.ENVIRONMENTS = (environments.Environment("old", "", ("3.9",), 0.1, "", system=None),)
making.create("old", ModelSource("embedded"), lambda step: print(step.text, flush=True))
"""


@pytest.fixture(scope="module")
def requirements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("requirements")
    (folder / "old.txt").write_text(REQUIREMENTS)
    return folder


@pytest.fixture(autouse=True)
def there_is_an_old_environment(monkeypatch: pytest.MonkeyPatch, requirements: Path) -> None:
    monkeypatch.setattr(environments, "ENVIRONMENTS", (*environments.ENVIRONMENTS, OLD))
    monkeypatch.setattr(environments, "REQUIREMENTS", requirements)
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.fakes:OLD_ENGINES")


@pytest.fixture(scope="module")
def made(requirements: Path) -> Path:
    """The environment, made once: first killed in the middle, then made again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environments, "ENVIRONMENTS", (OLD,))
        patch.setattr(environments, "REQUIREMENTS", requirements)
        patch.setenv("AWIY_EXTRA_ENGINES", "tests.fakes:OLD_ENGINES")
        try:
            making.find_python(OLD)
        except making.EnvironmentFailed as error:
            pytest.skip(f"not tested, as there is no Python 3.9 here: {error}")
        code = INTERRUPTED.format(root=str(ROOT), requirements=str(requirements))
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT, text=True)
        assert process.stdout
        assert "Making the environment" in process.stdout.readline()
        while not (environments.folder("old") / "lib").exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        told = environments.trouble("old")
        assert told
        assert "not created to its end" in told.reason
        assert told.remedy == "Run: python -m src envs create old"
        steps: list[str] = []
        state = making.create("old", MODEL, lambda step: steps.append(step.text))
    assert not state.trouble
    assert state.python == "3.9"
    assert state.versions["numpy"] == "1.23.5"
    assert any("Making the environment" in step for step in steps)
    assert "fake-old-crash" in state.failed, "it does not answer, and the check says so"
    assert "fake-old" not in state.failed
    return environments.folder("old")


def test_an_engine_runs_there_beside_those_of_main(made: Path, pool: Pool):
    answer = sentence.answer(pool, DEMO, ["fake-old", "onnxruntime-fp32"], MODEL)
    assert not answer.failures
    rows = {row.engine: row for row in answer.engines}
    facts = rows["fake-old"].facts
    assert facts["prefix"] == str(made)
    assert facts["python"].startswith("3.9.")
    assert facts["numpy"] == "1.23.5"
    assert rows["onnxruntime-fp32"].facts["python"] == sys.version.split()[0]
    assert rows["fake-old"].model.samples > 0, "the shared worker code timed it"


def test_an_engine_that_failed_the_check_says_so(made: Path):
    missing = registry.availability(registry.get("fake-old-crash"))
    assert missing
    assert "failed when its environment was checked" in missing.reason
    assert missing.remedy == "Run: python -m src envs create old --anew"


def test_making_it_again_leaves_a_sound_one(made: Path):
    before = (made / "pyvenv.cfg").stat().st_ino
    began = time.monotonic()
    making.create("old", MODEL, lambda step: None)
    assert (made / "pyvenv.cfg").stat().st_ino == before
    assert time.monotonic() - began < 30


def broken(made: Path, how: str) -> None:
    if how == "half":
        (made / environments.MANIFEST).rename(made / "away")
    elif how == "python":
        (made / "bin" / "python").rename(made / "away")
    elif how == "version":
        found = next(made.glob("lib/python*/site-packages/numpy-1.23.5.dist-info"))
        found.rename(found.with_name("numpy-1.22.0.dist-info"))
    elif how == "package":
        found = next(made.glob("lib/python*/site-packages/numpy-1.23.5.dist-info"))
        found.rename(found.with_name("nothing-1.dist-info"))
    else:
        made.rename(made.with_name("away"))


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("half", "not created to its end"),
        ("python", "The Python of its environment “old” is gone"),
        ("version", "has numpy 1.22.0, and 1.23.5 is asked for"),
        ("package", "lacks numpy, and 1.23.5 is asked for"),
        ("deleted", "has not been created"),
    ],
)
def test_a_broken_one_says_how_to_mend_it_and_others_are_unaffected(
    made: Path, how: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    copy = tmp_path / "envs" / "old"
    shutil.copytree(made, copy, symlinks=True)
    spec = registry.get("fake-old")
    assert registry.availability(spec) is None
    broken(copy, how)
    missing = registry.availability(spec)
    assert missing
    assert reason in missing.reason
    assert missing.remedy == "Run: python -m src envs create old"
    assert registry.availability(registry.get("onnxruntime-fp32")) is None


def test_a_changed_requirement_is_noticed(made: Path, requirements: Path):
    path = requirements / "old.txt"
    path.write_text(REQUIREMENTS.replace("1.23.5", "1.23.4"))
    try:
        told = environments.trouble("old")
    finally:
        path.write_text(REQUIREMENTS)
    assert told
    assert "has numpy 1.23.5, and 1.23.4 is asked for" in told.reason


def test_removing_one_gives_the_space_back(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    copy = tmp_path / "envs" / "old"
    shutil.copytree(made, copy, symlinks=True)
    freed = making.remove("old")
    assert freed > 20
    assert not copy.exists()
    with pytest.raises(making.EnvironmentFailed, match="nothing to remove"):
        making.remove("old")


def test_a_python_that_is_only_a_shim_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shim = tmp_path / "python9.9"
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    unknown = Environment("future", "", ("9.9",), 0.1, "", system=None)
    with pytest.raises(making.EnvironmentFailed, match=r"needs Python 9\.9.*pyenv install 9\.9"):
        making.find_python(unknown)
    shim.write_text("#!/bin/sh\necho 9.9\n")
    assert making.find_python(unknown) == (str(shim), "9.9")
    with pytest.raises(making.EnvironmentFailed, match="no working Python"):
        making.find_python(unknown, "/bin/false")


def test_what_pip_cannot_install_is_told_in_its_words(requirements: Path, monkeypatch: pytest.MonkeyPatch):
    here = ".".join(map(str, sys.version_info[:2]))
    bad = Environment("bad", "", (here,), 0.1, "", system=None)
    (requirements / "bad.txt").write_text("no-such-package-of-ours==1.0\n")
    monkeypatch.setattr(environments, "ENVIRONMENTS", (bad,))
    with pytest.raises(making.EnvironmentFailed, match="No matching distribution"):
        making.create("bad", MODEL, lambda step: None, python=sys.executable)
    told = environments.trouble("bad")
    assert told
    assert "not created to its end" in told.reason


def test_too_little_space_is_told_before_anything_is_done(monkeypatch: pytest.MonkeyPatch):
    huge = Environment("huge", "", (f"{sys.version_info[0]}.{sys.version_info[1]}",), 1e9, "", system=None)
    with pytest.raises(making.EnvironmentFailed, match="takes up to"):
        making.check_disk(huge)


def test_the_command_line_lists_them(made: Path):
    done = subprocess.run(
        [sys.executable, "-m", "src", "envs", "list", "--json"], cwd=ROOT, capture_output=True, check=True
    )
    found = json.loads(done.stdout)
    assert [one["name"] for one in found] == LISTED
    assert all(one["remedy"] == f"Run: python -m src envs create {one['name']}" for one in found)


@pytest.mark.parametrize("name", LISTED)
def test_requirements_are_exact(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(environments, "REQUIREMENTS", ROOT / "envs")
    text = (ROOT / "envs" / f"{name}.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(environments.asked_versions(name)) == len(lines)
