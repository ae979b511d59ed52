"""The commands `timeline` and `bisect`: a runtime's releases here, and which of them made each step."""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from src import releases
from src.bench import plan, timeline_plan
from src.bench.plan import BadPlan, Plan
from src.bench.record import Record
from src.bench.release_room import MAKING_S
from src.bench.settings import Settings
from src.cli.bench import INTERRUPTED, numbers, words
from src.cli.console import write
from src.cli.live_run import carry_out
from src.cli.timeline_printing import print_found, print_timeline
from src.cli.timeline_releases import make_environments, offers_of, say, say_spent
from src.errors import Explained
from src.figures import bisection, timeline_report, upstream
from src.figures.steps import CONFIRMATIONS, Step, candidates, pairs_of, repeated, rows_of, steps
from src.figures.timeline import Timeline, timeline
from src.model import source
from src.model.source import ModelSource
from src.store import costs, runs
from src.store.database import Store, open_store
from src.words import duration, many


class Interrupted(Explained):
    """Somebody pressed Ctrl-C: what was measured is kept, and nothing more is."""


@dataclass(frozen=True)
class Asked:
    """What a command measures: rows and lengths of a runtime, on which model and with how many threads."""

    store: Store
    runtime: str
    rows: tuple[str, ...]
    lengths: tuple[int, ...]
    threads: int | None
    model: ModelSource
    settings: Settings
    budget_s: float | None = None  # of each run; else what its releases should take, and half as much again

    def measure(self, asked: Plan) -> Record:
        """Carry out a plan of this in fresh processes. Raises Interrupted."""
        about_s = costs.accept(self.store, plan.accept(asked)[0])
        versions = list(dict.fromkeys(id.partition(releases.SEPARATOR)[2] for id in asked.engines))
        what = ", ".join(versions) if len(versions) < 4 else f"{len(versions)} releases"
        say(f"{what}: about {duration(about_s)}, at most {duration(asked.budget_s)}.")
        record = carry_out(self.store, asked, self.model, self.settings)
        if record.ended and record.ended.stopped == "interrupted":
            assert record.begun
            raise Interrupted(f"Stopped. What was measured is kept as {record.begun.id}.")
        return record

    def plan(
        self,
        versions: Sequence[str],
        rows: Sequence[str] = (),
        preset: str = timeline_plan.PRESET,
        seed: int = 0,
        confirms: str = "",
    ) -> Plan:
        """Return the plan of rows (all) through releases, oldest first."""
        typical = runs.typical_ms(self.store)
        asked = timeline_plan.plan_for(
            rows or self.rows, versions, typical, self.lengths, self.threads, preset, seed, confirms
        )
        return replace(asked, budget_s=self.budget_s or asked.budget_s)

    def confirm(self, found: Sequence[Step], of: str) -> list[Step]:
        """Repeat steps in fresh processes, those of the same two releases together."""
        told = []
        pairs = {pair: (rows_of(together), together) for pair, together in pairs_of(found).items()}
        most_s = CONFIRMATIONS * sum(self.plan(pair, rows).budget_s for pair, (rows, _) in pairs.items())
        if pairs:
            say(
                f"Changes between {many(len(pairs), 'pair')} of releases are repeated in fresh processes, "
                f"{CONFIRMATIONS} times each: at most {duration(most_s)}."
            )
        for number, ((before, after), (rows, together)) in enumerate(pairs.items(), 1):
            say(f"{before} → {after} ({number} of {len(pairs)})")
            repeats = [
                timeline(self.measure(self.plan((before, after), rows, timeline_plan.REPEAT, seed, of)))
                for seed in range(1, CONFIRMATIONS + 1)
            ]
            told += [repeated(step, repeats) for step in together]
        return told


def asked_of(arguments: argparse.Namespace) -> Asked:
    runtime = arguments.runtime
    rows = words(arguments.engines) or timeline_plan.default_rows(runtime)
    if not rows:
        raise BadPlan(f"No row of {releases.RUNTIMES[runtime]} can run here. See: python -m src engines")
    timeline_plan.check_rows(runtime, rows)
    lengths = numbers(arguments.seq_len) or timeline_plan.LENGTHS
    model = source.parse(arguments.model)
    asked = (rows, lengths, arguments.threads, model, arguments.settings, arguments.budget)
    return Asked(open_store(), runtime, *asked)


def run_timeline(arguments: argparse.Namespace) -> int:
    check_files(arguments)
    if arguments.kept:
        store = open_store()
        record = runs.record(store, arguments.kept)
        told = timeline(record)
        repeats = [timeline(runs.record(store, id)) for id in runs.confirming(store, arguments.kept)]
        found = steps(repeated(step, repeats) for step in candidates(told))
        return show(arguments, record, told, found)
    begun_s = time.monotonic()
    asked = asked_of(arguments)
    versions = [offer.version for offer in offers_of(arguments)]
    there = make_environments(arguments, versions)
    if len(there) < 2:
        raise BadPlan("A time line needs two releases, and fewer can be used here. The reasons are above.")
    try:
        record = asked.measure(asked.plan(there))
    except Interrupted as end:
        say(str(end))
        return INTERRUPTED
    assert record.begun
    told = timeline(record)
    found = candidates(told)
    code = 0
    if found and not arguments.no_confirm:
        try:
            found = asked.confirm(found, record.begun.id)
        except Interrupted as end:
            say(str(end))
            code = INTERRUPTED
    show(arguments, record, told, steps(found))
    say(f"Kept as {record.begun.id}: python -m src timeline {asked.runtime} --run {record.begun.id}")
    say_spent(begun_s)
    return code or (0 if told.lines else 1)


def check_files(arguments: argparse.Namespace) -> None:
    for path in (arguments.json, arguments.csv, arguments.markdown):
        if path not in (None, "-") and not Path(path).absolute().parent.is_dir():
            raise BadPlan(f"{Path(path).absolute().parent} is no folder. Make it first.")


def show(arguments: argparse.Namespace, record: Record, told: Timeline, found: Sequence[Step]) -> int:
    """Print a time line and write its files, and a report of each confirmed step where that is asked for."""
    if arguments.json:
        text = json.dumps(timeline_report.to_json(told, found), ensure_ascii=False, indent=2)
        write(arguments.json, text + "\n")
    write(arguments.csv, timeline_report.to_csv(told))
    write(arguments.markdown, timeline_report.to_markdown(told, found))
    if "-" not in (arguments.json, arguments.csv, arguments.markdown):
        print_timeline(told, found)
    if arguments.report:
        report(Path(arguments.report), record, told, found, source.parse(arguments.model))
    return 0 if told.lines else 1


def report(folder: Path, record: Record, told: Timeline, found: Sequence[Step], model: ModelSource) -> None:
    assert record.begun
    confirmed = [step for step in found if step.confirmed]
    if not confirmed:
        say("No step is confirmed, so there is nothing to report.")
    for step in confirmed:
        place = folder / upstream.folder_name(step)
        upstream.write(upstream.files(step, told, record.begun.host, record.begun.id, model), place)
        say(f"{place}: {timeline_report.sentence(step)}")


def say_bisection(asked: Asked, versions: Sequence[str]) -> None:
    """Tell before a bisection what it takes at most, if there is one step."""
    most = bisection.most_releases(len(versions), 1)
    missing = min(most, len(timeline_plan.absent(versions, asked.runtime)))
    each_s = asked.plan(versions[:3], preset=timeline_plan.BISECT).budget_s
    repeats_s = CONFIRMATIONS * asked.plan(versions[:2]).budget_s
    most_s = MAKING_S * missing + each_s * (most - 1) + repeats_s
    say(
        f"{len(versions)} releases: at most {most} are measured for one step, of which at most {missing} "
        f"are to be installed; that takes at most {duration(most_s)}, its repeats in fresh processes "
        "included. Steps that cancel between the ends cannot be seen so."
    )


def run_bisect(arguments: argparse.Namespace) -> int:
    begun_s = time.monotonic()
    asked = asked_of(arguments)
    if len(asked.rows) != 1:
        raise BadPlan(f"One engine is bisected. Name it with --engine: {', '.join(asked.rows)}.")
    versions = [offer.version for offer in offers_of(arguments)]
    say_bisection(asked, versions)

    def measure(some: Sequence[str]) -> Timeline:
        there = make_environments(arguments, some)
        if len(there) < 2:
            raise BadPlan("Fewer than two of these releases can be used here. The reasons are above.")
        return timeline(asked.measure(asked.plan(there, preset=timeline_plan.BISECT)))

    try:
        found = bisection.bisect(versions, measure)
        confirmed = asked.confirm(found.steps, "")
    except Interrupted as end:
        say(str(end))
        return INTERRUPTED
    print_found(replace(found, steps=tuple(steps(confirmed))), len(versions))
    say_spent(begun_s)
    return 0


def add_commands(
    command: Callable[..., argparse.ArgumentParser], model: Callable[[argparse.ArgumentParser], None]
) -> None:
    """Add the two commands to a parser."""
    parser = command(
        "timeline", run_timeline, "Measure an engine's file in every release of its runtime.", json_flag=False
    )
    common(parser)
    model(parser)
    parser.add_argument(
        "--run", dest="kept", metavar="RUN", help="show a time line that is kept, and measure nothing"
    )
    parser.add_argument("--no-confirm", action="store_true", help="do not repeat steps in fresh processes")
    parser.add_argument(
        "--report", metavar="DIR", help="write a folder to send upstream for each confirmed step"
    )
    for flag, text in (
        ("--json", "write points and steps (- for standard output)"),
        ("--csv", "write a row for each release, engine and case"),
        ("--markdown", "write Markdown tables"),
    ):
        parser.add_argument(flag, metavar="FILE", help=text)
    parser = command(
        "bisect", run_bisect, "Find the releases that made an engine slower or faster.", json_flag=False
    )
    common(parser)
    parser.add_argument("--engine", dest="engines", metavar="ENGINE", help="the row that is measured")
    parser.add_argument("--model", metavar="MODEL", help="embedded, hub, or a checkpoint's folder")
    parser.set_defaults(json=None)


def common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runtime", choices=list(releases.RUNTIMES))
    parser.add_argument("--from", dest="first", default="", metavar="VERSION", help="the oldest release")
    parser.add_argument("--to", dest="last", default="", metavar="VERSION", help="the newest release")
    parser.add_argument("--minor", action="store_true", help="only the last release of each minor version")
    parser.add_argument("--installed", action="store_true", help="only releases that are installed here")
    parser.add_argument("--ask", action="store_true", help="ask the package index again what it offers")
    parser.add_argument("--seq-len", metavar="16,128", help="sequence lengths in tokens")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of each engine")
    parser.add_argument(
        "--budget",
        type=float,
        metavar="SECONDS",
        help="each run takes at most so long (default: what it should take here, and half as much again)",
    )
