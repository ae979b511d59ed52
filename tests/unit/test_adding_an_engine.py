"""docs/adding-an-engine.md, followed to the letter: one file, one row, nothing else touched."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import DEMO, ROOT

PAGE = (ROOT / "docs" / "adding-an-engine.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r'```\w+ title="([^"]+)"\n(.*?)```', PAGE, flags=re.DOTALL))
FILE, REGISTRY = "src/engines/onnx_reference.py", "src/engines/registry.py"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project with the page's two changes."""
    for name in ("src", "data", "envs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    assert set(BLOCKS) == {FILE, REGISTRY}
    (tmp_path / FILE).write_text(BLOCKS[FILE], encoding="utf-8")
    registry = tmp_path / REGISTRY
    text = registry.read_text(encoding="utf-8")
    before_null = "    row(\n        NULL,"
    assert text.count(before_null) == 1
    registry.write_text(text.replace(before_null, BLOCKS[REGISTRY] + before_null), encoding="utf-8")
    return tmp_path


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "AWIY_ENGINES"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )


def test_the_example_answers_like_the_baseline(copy: Path):
    done = run(copy, "-m", "src", "predict", DEMO, "--engines", "onnx-reference-fp32", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    row = answer["engines"][0]
    assert row["engine"] == "onnx-reference-fp32"
    assert row["label"] == "positive"
    assert row["agrees"]
    assert row["max_abs_delta_logit"] < 1e-3
    assert row["facts"]["operators"] > 100


def test_its_look_derives_from_the_row(copy: Path):
    code = (
        "from src.engines import registry; from src.ui import style\n"
        "spec = registry.get('onnx-reference-fp32')\n"
        "assert registry.availability(spec) is None\n"
        "print(spec.runtime, spec.precision, style.colour(spec), style.marker(spec))"
    )
    done = run(copy, "-c", code)
    assert done.returncode == 0, done.stderr
    runtime, precision, colour, marker = done.stdout.split()
    assert (runtime, precision, marker) == ("onnx-reference", "fp32", "circle")
    assert colour.startswith("#")
