"""A step as a folder that the runtime's maintainers can run with nothing of ours: file, inputs, script."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np

from src.bench import inputs
from src.engines import registry
from src.engines.text import encode, load_tokenizer
from src.errors import Explained
from src.facts import Facts
from src.figures import timeline_report
from src.figures.steps import Step
from src.figures.timeline import Timeline
from src.home import ROOT
from src.model import cache
from src.model.onnx_files import CHECKPOINT, FILE
from src.model.source import ModelSource

SCRIPT = ROOT / "data" / "report" / "measure.py"
RUNTIME = "onnxruntime"  # whose files and calls the script knows


class NoReport(Explained, ValueError):
    """There is nothing to report with. The message says what is missing."""


def folder_name(step: Step) -> str:
    return f"{step.row}-{step.before}-{step.after}-{step.case.sequence_length}-tokens"


def files(step: Step, timeline: Timeline, host: Facts, run_id: str, model: ModelSource) -> dict[str, bytes]:
    """Return the report of a step by file name. Raises NoReport where its file is not here any more, and for
    runtimes that the script does not know.
    """
    if timeline.runtime != RUNTIME:
        raise NoReport(
            f"A report is made for ONNX Runtime only so far, and this step is one of {timeline.name}."
        )
    recipe = registry.get(step.row).recipe
    path = cache.place(recipe, model) / FILE if recipe else None
    if path is None or not path.is_file():
        raise NoReport(
            f"The file of {step.title} is not built here, so there is nothing to send. This builds it: "
            f"python -m src predict --engines {step.row} “hello”"
        )
    about = {
        "engine": step.title,
        "threads": step.case.threads,
        "tokens": step.case.sequence_length,
        "before": step.before,
        "after": step.after,
        "ratio": step.ratio,
        "ci95": step.ci95,
        "host": {name: host.get(name) for name in ("cpu", "isa", "allowed_cpus", "memory_gb", "system")},
        "run": run_id,
    }
    return {
        "README.md": readme(step, timeline, about).encode(),
        "about.json": (json.dumps(about, indent=1, ensure_ascii=False) + "\n").encode(),
        "measure.py": SCRIPT.read_bytes(),
        "input_ids.npy": token_ids(step.case.sequence_length, model),
        FILE: path.read_bytes(),
    }


def token_ids(length: int, model: ModelSource) -> bytes:
    """Return the token ids of the texts of a length, int64 [texts, tokens], as a file of NumPy."""
    checkpoint: Path = cache.required(CHECKPOINT, model).folder
    tokenizer = load_tokenizer(str(checkpoint / "tokenizer.json"))
    out = io.BytesIO()
    np.save(out, encode(tokenizer, inputs.compose(length, inputs.counter(tokenizer), 0))[0])
    return out.getvalue()


def readme(step: Step, timeline: Timeline, about: Facts) -> str:
    """Return what a maintainer reads first: what was seen, and how to see it."""
    host = about["host"]
    told = {True: "changed as well", False: "did not change", None: "were not compared"}[step.answers_changed]
    lines = [line for line in timeline.lines if (line.row, line.case) == (step.row, step.case)]
    table = [
        f"| {version} | {timeline_report.cell(line, version)} |"
        for line in lines
        for version in timeline.versions
    ]
    return "\n".join(
        [
            f"# {timeline.name} {step.after} takes {step.ratio:.2f} times as long as {step.before} here",
            "",
            f"{timeline_report.sentence(step)}. Its answers {told}.",
            "",
            f"Measured on {host['cpu']} ({host['allowed_cpus']} CPUs, {host['system']}; "
            f"{', '.join(host['isa'] or ())}), batch 1, {step.case.threads} threads, both releases in memory "
            "together and timed in turns. The interval encloses those of several runs in fresh processes.",
            "",
            "## See it",
            "",
            "```",
            f"python3 -m venv before && before/bin/pip install numpy {timeline.runtime}=={step.before}",
            f"python3 -m venv after && after/bin/pip install numpy {timeline.runtime}=={step.after}",
            "python3 measure.py before/bin/python after/bin/python",
            "```",
            "",
            f"`{FILE}` is a BERT classifier (MiniLM-L6-H384), `input_ids.npy` has texts of "
            f"{step.case.sequence_length} tokens. Releases before 1.19 need `numpy<2`.",
            "",
            "## All releases here: ms, and ratio to the newest",
            "",
            "| release | latency |",
            "|---|---|",
            *table,
            "",
        ]
    )


def write(step_files: dict[str, bytes], folder: Path) -> None:
    """Write a report's folder, and beside it the same as a zip."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in step_files.items():
        (folder / name).write_bytes(content)
    folder.with_name(folder.name + ".zip").write_bytes(zipped(step_files, folder.name))


def zipped(step_files: dict[str, bytes], folder: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in step_files.items():
            archive.writestr(f"{folder}/{name}", content)
    return out.getvalue()
