"""serve.py of a bundle: the code of `src/serve` in one file, before the bundle's own classifier."""

import ast
import sys
from collections.abc import Sequence

from src import environments
from src.bundle import requirements
from src.bundle.requirements import Package
from src.bundle.runtimes import TEMPLATES
from src.home import ROOT

MODULES = ("messages", "desk", "handlers", "server")  # each behind those that it imports
PACKAGES = ("uvicorn", "starlette", "uvloop", "httptools", "pydantic", "prometheus_client")
LEAST_PYTHON = (3, 11)  # of asyncio.timeout
OURS = ("src", "server")  # what is imported of these is in the file itself
FACTS = "Facts = dict[str, Any]\n"
FIRST = "# --- what answers\n"  # of the template: behind it is the bundle's classifier
Names = dict[str, set[str]]  # a module, and what is imported of it; nothing: the module itself


def can_serve(python: str) -> bool:
    """Tell whether the server runs on a release of Python, such as 3.11.9."""
    return tuple(int(part) for part in python.split(".")[:2]) >= LEAST_PYTHON


def text() -> str:
    """Return serve.py."""
    imports: Names = {}
    parts = []
    for name in MODULES:
        code = (ROOT / "src" / "serve" / f"{name}.py").read_text(encoding="utf-8")
        tree = ast.parse(code)
        note_imports(tree, imports)
        title = (ast.get_docstring(tree) or "").splitlines()[0]
        parts.append(f"# --- {title}\n{behind_imports(code, tree)}")
    template = (TEMPLATES / "serve.py").read_text(encoding="utf-8")
    tree = ast.parse(template)
    note_imports(tree, imports)
    constants, classifier = behind_imports(template, tree).split(FIRST)
    about = ast.get_docstring(tree, clean=False)
    head = f'"""{about}"""\n\n{in_lines(imports)}\n{FACTS}{constants.strip()}\n'
    return "\n\n".join([head, *(f"{part.strip()}\n" for part in parts), f"{FIRST}{classifier}"])


def note_imports(tree: ast.Module, imports: Names) -> None:
    """Add what a module imports from elsewhere."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                imports.setdefault(alias.name, set())
        elif isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] not in OURS:
            imports.setdefault(f"{node.module}:", set()).update(alias.name for alias in node.names)


def behind_imports(code: str, tree: ast.Module) -> str:
    """Return the code of a module behind its last import."""
    last = max(node.end_lineno or 0 for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))
    return "".join(code.splitlines(keepends=True)[last:])


def in_lines(imports: Names) -> str:
    """Return import statements: the standard library's, then the others."""
    standard: list[str] = []
    others: list[str] = []
    for module in sorted(imports, key=lambda name: (name.endswith(":"), name)):
        name = module.rstrip(":")
        names = ", ".join(sorted(imports[module]))
        line = f"from {name} import {names}\n" if names else f"import {name}\n"
        (standard if name.split(".")[0] in sys.stdlib_module_names else others).append(line)
    return "".join([*standard, "\n", *others])


def files(python: str, needed: Sequence[Package]) -> dict[str, str]:
    """Return the server's files by name, for a bundle that needs these packages; none where the server does
    not run on its Python. What a bundle needs already has its version there.
    """
    if not can_serve(python):
        return {}
    taken = {package.name for package in needed}
    more = [each for each in requirements.closure(PACKAGES, environments.MAIN) if each.name not in taken]
    return {"serve.py": text(), "requirements-serve.txt": requirements.as_text(more)}
