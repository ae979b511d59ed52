"""Only the pages know streamlit, and what runs in old environments imports little."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

HEAVY = {"torch", "onnxruntime", "openvino", "transformers", "optimum", "onnx", "ctranslate2", "nncf"}
HEAVY |= {"intel_extension_for_pytorch"}
OLD_ZONE = (
    *(ROOT / f"src/{name}.py" for name in ("__init__", "cpu", "environments", "errors", "facts", "home")),
    *(ROOT / f"src/{name}.py" for name in ("process", "releases")),
    *sorted((ROOT / "src/engines").glob("*.py")),
    ROOT / "src/model/__init__.py",
    *sorted((ROOT / "src/model/isolated").glob("*.py")),
    *(
        ROOT / f"src/workers/{name}.py"
        for name in ("wire", "own_use", "repeats", "replies", "verbs", "worker", "worker_facts")
    ),
    ROOT / "src/doctor/hot_loop.py",
)
RUNTIMES = {
    *("torch", "transformers", "onnxruntime", "openvino", "ctranslate2"),
    *("intel_extension_for_pytorch", "zentorch", "torchao"),
}
# platformdirs is imported in main only, onnx and safetensors where the stack of 2021 builds.
TOKENIZERS = {"tokenizers", "tokie"}
OLD_ZONE_PACKAGES = {"numpy", "src", "platformdirs", "onnx", "safetensors"} | TOKENIZERS | RUNTIMES


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


SOURCES = sorted((ROOT / "src").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_ui_imports_streamlit(path: Path):
    if path.relative_to(ROOT / "src").parts[0] != "ui":
        assert not {name for name in imports(path) if name.split(".")[0] == "streamlit"}


@pytest.mark.parametrize("path", OLD_ZONE, ids=lambda path: path.name)
def test_what_runs_in_old_environments_imports_little(path: Path):
    names = {name.split(".")[0] for name in imports(path)}
    assert names <= OLD_ZONE_PACKAGES | set(sys.stdlib_module_names)
    assert not {name.split(".")[0] for name in imports(path, top_level_only=True)} & HEAVY
    ours = {name for name in imports(path) if name.startswith("src.")}
    allowed = (
        "engines",
        "cpu",
        "environments",
        "releases",
        "errors",
        "facts",
        "home",
        "process",
        "workers.wire",
        "workers.own_use",
        "workers.repeats",
        "workers.replies",
        "workers.verbs",
        "workers.worker_facts",
    )
    assert all(name.startswith(tuple(f"src.{room}" for room in allowed)) for name in ours), ours


def test_the_old_zone_parses_as_python_3_9():
    for path in OLD_ZONE:
        ast.parse(path.read_text(), feature_version=(3, 9))


PAGES = (ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")))


def test_what_pages_import_loads_no_runtime():
    """One process imports what each page does, and tells after which of them a runtime was there."""
    code = "import sys\n"
    for page in PAGES:
        modules = {".".join(name.split(".")[:3]) for name in imports(page) if name.startswith("src.")}
        assert modules
        for name in sorted(modules):
            package, _, member = name.rpartition(".")
            code += f"from {package} import {member}\n"
        code += f"print({page.name!r}, *({HEAVY!r} & set(sys.modules)))\n"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [page.name for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_is_set_up_before_anything_is_drawn(page: Path):
    """The first call of a page's own is page_setup: a cold link to it passes the gate too."""
    tree = ast.parse(page.read_text())
    calls = [
        node.value for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    assert isinstance(calls[0].func, ast.Name)
    assert calls[0].func.id == "page_setup"


def test_every_page_is_in_the_sidebar():
    from src.ui.shell import PAGES as LISTED

    assert {ROOT / path for path, *_ in LISTED} == set(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_is_one_call(page: Path):
    """What it draws is a module that can be read, typed and tested like any other."""
    assert len(page.read_text().splitlines()) <= 40
