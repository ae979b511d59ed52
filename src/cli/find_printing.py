"""What a search says, for a terminal."""

import argparse
import dataclasses
from collections.abc import Callable

from rich.markup import escape

from src.cli import terminal
from src.cli.console import out, show_json
from src.search.answer import Proposal
from src.search.state import Heat, Search
from src.search.words import (
    extent,
    figure_title,
    figure_words,
    not_confirmed,
    objective_title,
    ratio_words,
    sentence,
    words_of_texts,
)


def show(
    arguments: argparse.Namespace, search: Search, proposals: list[Proposal], budget: Callable[[], str]
) -> None:
    """Print a search and its answer; where it has none for an objective, with the `budget` to go on with."""
    if arguments.json:
        told = [dataclasses.asdict(proposal) for proposal in proposals]
        show_json({"search": dataclasses.asdict(search), "proposals": told})
        return
    print_screen(search)
    for proposal in proposals:
        print_proposal(proposal)
    if proposals:
        out.print(f"Take it away: python -m src bundle {search.id} DIR", highlight=False)
        out.print(f"Serve it: python -m src serve --engine {proposals[0].simplest}", highlight=False)
    answered = {proposal.lengths for proposal in proposals}
    unanswered = [lengths for lengths in search.asked.objectives if lengths not in answered]
    for lengths in unanswered:
        out.print(not_confirmed(lengths), highlight=False)
    if unanswered:
        out.print(f"Go on: python -m src find --resume {search.id} --budget {budget()}", highlight=False)
    print_runs("Races", search.races)
    print_runs("Confirmed in", search.confirmations)


def print_screen(search: Search) -> None:
    """Print how many configurations were screened, and why some were left out."""
    out.print(f"Search {search.id}: {extent(search)}.", highlight=False)
    if told := words_of_texts(search.asked):
        out.print(told, highlight=False, markup=False)
    for one in search.screened:
        if not one.passes:
            out.print(f"  {one.engine}: {one.state}. {one.reason}", highlight=False, markup=False)


def print_proposal(proposal: Proposal) -> None:
    """Print the answer for one objective: figures, and ratios to the first with 95 % intervals."""
    where = objective_title(proposal.lengths)
    right = (figure_title(proposal.percentile), "÷ first")
    table = terminal.table(f"[bold]{where}[/]", "Configuration", *right, right=right, whole="Configuration")
    for one in proposal.finalists:
        told = "[green]tie[/]" if one.tied else "[dim]slower[/]"
        # In two lines, so that in 80 columns the longest names leave room for it.
        ratio = ratio_words(proposal, one).replace(" (", "\n(")
        table.add_row(escape(one.name), f"{figure_words(proposal, one)}\n{told}", ratio)
    out.print(table)
    out.print(f"{where}: {sentence(proposal)}", highlight=False, markup=False)


def print_runs(title: str, heats: list[Heat]) -> None:
    ids = [heat.run for heat in heats if heat.run]
    if ids:
        out.print(f"{title}: {', '.join(ids)} (python -m src show ID)", highlight=False)
