"""What installing a release tells of it: real pip, and a package index that is a folder."""

import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from src.bench.installing import Installed, install
from src.environments import Environment
from src.host.lock import host_lock

RELEASE = "onnxruntime@0.0.7"
METADATA = "Metadata-Version: 2.1\nName: onnxruntime\nVersion: 0.0.7\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def index(folder: Path, attribute: str) -> str:
    """Make a package index with one wheel; return its address. `attribute` goes into the link."""
    place = folder / "simple" / "onnxruntime"
    place.mkdir(parents=True)
    wheel = place / "onnxruntime-0.0.7-py3-none-any.whl"
    names = {"METADATA": METADATA, "WHEEL": WHEEL, "RECORD": ""}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in names.items():
            archive.writestr(f"onnxruntime-0.0.7.dist-info/{name}", text)
    link = f'<a href="{wheel.name}"{attribute}>{wheel.name}</a>'
    (place / "index.html").write_text(f"<!DOCTYPE html><html><body>{link}</body></html>")
    return (folder / "simple").as_uri()


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        ("", None),
        (' data-yanked="crashes on start"', "crashes on start"),
        (' data-yanked=""', "no reason given"),
    ],
)
def test_a_release_that_its_publisher_took_back_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attribute: str, reason: str | None
):
    monkeypatch.setenv("PIP_INDEX_URL", index(tmp_path, attribute))
    environment = Environment(RELEASE, "", (), 0.0, "", system=None, packages=("onnxruntime==0.0.7",))
    with host_lock("a test", lambda _: None) as lock:
        installed = install(environment, sys.executable, tmp_path / "made", lambda _: None, lock)
    assert installed == Installed(datetime.now(UTC).date().isoformat(), reason)
    assert list((tmp_path / "made").glob("lib/python*/site-packages/onnxruntime-0.0.7.dist-info"))
