"""The command `bundle`: a search's answer as a folder."""

import argparse
from collections.abc import Callable
from pathlib import Path

from src.bundle import bundle, claims, licences
from src.cli.bench import numbers
from src.cli.console import err, out, progress_bar, show_json
from src.engines import registry
from src.model import source
from src.search import state
from src.search.words import objective_title
from src.store.database import open_store


def make(arguments: argparse.Namespace) -> int:
    search = state.find("" if arguments.search == "latest" else arguments.search)
    folder = Path(arguments.folder)
    lengths = tuple(sorted(numbers(arguments.seq_len) or ()))
    claim = claims.claim(open_store(), search, lengths, arguments.engine or "")
    licence = licences.of_model(source.parse(search.asked.model or None))
    err.print(licence.told, highlight=False)
    with progress_bar() as tell:
        made = bundle.make(search, claim, licence, folder, tell)
    if arguments.json:
        show_json(
            {
                "folder": str(made.folder),
                "configuration": claim.engine,
                "fast_at_tokens": list(claim.proposal.lengths),
                "latency_ms": {str(each.tokens): each.ms for each in claim.latencies},
                "licence": licence.told,
                "checks": [dict(zip(("check", "state", "text"), each, strict=True)) for each in made.checks],
            }
        )
        return 0
    title = registry.get(claim.engine).title
    out.print(
        f"{title}, for {objective_title(claim.proposal.lengths)}, is in {made.folder}. Read README.md there; "
        "check.py says whether it runs elsewhere as it did here.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    for name, _, text in made.checks:
        out.print(f"  {name}: {text}", highlight=False, markup=False)
    return 0


def add_command(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command to a parser."""
    parser = command("bundle", make, "Hand over a search's answer as a folder that runs elsewhere.")
    parser.add_argument("search", metavar="SEARCH", help="a search's id, or latest")
    parser.add_argument("folder", metavar="DIR", help="the folder to make")
    parser.add_argument(
        "--seq-len", metavar="16,128", help="what is fast at these lengths (default: at all of them together)"
    )
    parser.add_argument("--engine", metavar="ID", help="another of the confirmed configurations")
