"""Count what the code's structure is judged by, so that before and after can be compared.

    python -m tools.sizes [--json]

Source is `src`, app.py and pages; comments and blank lines count as lines. The roads are the files of ours
that the processes of a sentence, or of a run asked for on a page, reach by their imports.
"""

import argparse
import ast
import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONG_FUNCTION, LONG_CLASS = 60, 150  # lines
VAGUE = ("one", "found", "made", "asked", "told")
# Fields of docs/results.md that code reads from a result, a run or a noise by a constant string.
SUBSCRIPT = re.compile(r'\[f?"[a-z_0-9]+"\]')
ENGINE, WORKER = "src/engines/onnxruntime.py", "src/workers/worker.py"
ROADS = {
    "a sentence": ("app.py", "src/live/measurer.py", WORKER, ENGINE),
    "a run": ("pages/benchmark.py", "src/jobs/measure.py", WORKER, ENGINE),
}


def sources() -> list[Path]:
    """Return the files that are counted."""
    return [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "src").rglob("*.py"))]


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def nodes(kind: type[ast.AST] | tuple[type[ast.AST], ...]) -> Iterator[tuple[Path, ast.AST]]:
    """Yield the syntax tree's nodes of a kind in all sources."""
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kind):
                yield path, node


def longer(kind: type[ast.AST] | tuple[type[ast.AST], ...], most: int) -> list[str]:
    """Return the definitions of a kind with more lines than `most`, the longest first."""
    sizes = [
        (node.end_lineno - node.lineno + 1, f"{path.relative_to(ROOT)}:{node.name}")
        for path, node in nodes(kind)
    ]  # type: ignore[attr-defined]
    return [f"{name} {size}" for size, name in sorted(sizes, reverse=True) if size > most]


def without_docstring() -> tuple[int, int]:
    """Return how many public functions and classes there are at the top of a module or class, and how many
    of them have no docstring.
    """
    public = missing = 0
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for parent in (node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef)):
            for node in parent.body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                    public += 1
                    missing += not ast.get_docstring(node)
    return public, missing


def vague() -> dict[str, int]:
    """Return how often names stand that say nothing of what they name, where they are given or read."""
    names = [node.id for _, node in nodes(ast.Name)]  # type: ignore[attr-defined]
    names += [node.arg for _, node in nodes(ast.arg)]  # type: ignore[attr-defined]
    return {name: names.count(name) for name in VAGUE}


def reached(starts: tuple[str, ...]) -> set[str]:
    """Return the files of ours that some files reach by imports, those in functions among them."""
    seen: set[str] = set()
    waiting = [name for name in starts if (ROOT / name).is_file()]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for module in modules:
                path = module.replace(".", "/")
                waiting += [file for file in (f"{path}.py", f"{path}/__init__.py") if (ROOT / file).is_file()]
    return {name for name in seen if lines(ROOT / name)}


def count() -> dict[str, object]:
    """Return all figures."""
    texts = {path: path.read_text(encoding="utf-8") for path in sources()}
    sizes = {str(path.relative_to(ROOT)): lines(path) for path in texts}
    real = {name: size for name, size in sizes.items() if size}
    largest = max(real, key=lambda name: real[name])
    public, missing = without_docstring()
    tests = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")]
    return {
        "lines": sum(sizes.values()),
        "files": len(real),
        "median file": statistics.median(real.values()),
        "largest file": f"{largest} {real[largest]}",
        "files over 300 lines": sorted(name for name, size in real.items() if size > 300),
        f"functions over {LONG_FUNCTION} lines": longer(ast.FunctionDef, LONG_FUNCTION),
        f"classes over {LONG_CLASS} lines": longer(ast.ClassDef, LONG_CLASS),
        "dict[str, Any]": sum(
            text.count("dict[str, Any]") + text.count("Dict[str, Any]") for text in texts.values()
        ),
        "constant string subscripts": sum(len(SUBSCRIPT.findall(text)) for text in texts.values()),
        "public definitions": public,
        "of them without a docstring": missing,
        "vague names": vague(),
        "monkeypatch.setattr in tests": sum(text.count("monkeypatch.setattr(") for text in tests),
        **{f"files on the road of {road}": len(reached(starts)) for road, starts in ROADS.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    figures = count()
    if parser.parse_args().json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{name}: {', '.join(value) if isinstance(value, list) else value}")


if __name__ == "__main__":
    main()
