"""The page about the code's layout is true: rooms, their order, and the files it names."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.unit.test_layers import SOURCES, imports

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROOMS = re.findall(r"^\| `(\w+)/` \|", PAGE, flags=re.MULTILINE)
FILES = sorted(set(re.findall(r"`((?:src|pages|data|tests)/[\w/.-]+\.\w+|app\.py)`", PAGE)))


def test_every_room_has_its_line():
    rooms = [path.name for path in (ROOT / "src").iterdir() if (path / "__init__.py").exists()]
    assert sorted(ROOMS) == sorted(rooms)


@pytest.mark.parametrize("name", FILES)
def test_the_files_it_names_exist(name: str):
    assert (ROOT / name).is_file()


def test_the_files_beside_the_rooms_are_named():
    beside = {path.name for path in (ROOT / "src").glob("*.py")} - {"__init__.py", "__main__.py"}
    told = PAGE.partition("Files beside the rooms")[2].partition("##")[0]
    assert beside == set(re.findall(r"`(\w+\.py)`", told)) - {"app.py"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_room_imports_one_below_it(path: Path):
    room = path.relative_to(ROOT / "src").parts[0]
    if room not in ROOMS:
        return
    for name in imports(path):
        other = name.split(".")[1] if name.startswith("src.") else ""
        if other in ROOMS:
            assert ROOMS.index(other) <= ROOMS.index(room), f"{path.name} imports {name}"
