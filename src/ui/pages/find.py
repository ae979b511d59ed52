"""The find page: searches for the fastest faithful configuration of this host, and what they said."""

import dataclasses
import json
from typing import NamedTuple, cast

import pandas as pd
import streamlit as st

from src import references
from src.bench.field import Objective
from src.bench.race import Finalist
from src.facts import Facts
from src.limits import disclosed, hosted, limits, public
from src.search import heats, process, search_file, state
from src.search.answer import Proposal
from src.search.points import Point, points
from src.search.screen import PASSES
from src.search.state import CONFIRMATION, ROWS, SINGLES, TOGETHER, Search
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
from src.stats import MEDIAN
from src.store.database import Store, open_store
from src.ui import charts, linked, roofline_view, search_chart
from src.ui.bundle_form import draw_bundle
from src.ui.commands import draw_command
from src.ui.format import plain
from src.ui.search_form import CHOICE, draw_form, draw_go_on, draw_going_on, forget_choice
from src.ui.shell import explained, the_store
from src.words import many, moment

INTRODUCTION = (
    "Which engine, with which options, is the fastest here that keeps the accuracy? A search screens what "
    "can run, races the rest in shared rounds, and confirms the last few in new processes."
)
GENERATIONS = {
    ROWS: "rows",
    SINGLES: "one option each",
    TOGETHER: "options together",
    CONFIRMATION: "confirmation, in new processes",
}
COMMAND = "python -m src find --seq-len 16,128 --budget 20m"


class Answered(NamedTuple):
    """What a search says of an objective: its proposal, if there is one, each configuration's point, and how
    near the proposal is to the host's limit.
    """

    lengths: Objective
    proposal: Proposal | None
    points: list[Point]
    limit: str


@st.cache_data(max_entries=8, ttl=30, show_spinner="Reading the search …")
def answers(id: str, spent_s: float) -> list[Answered]:
    """Return what a search says, by objective. `spent_s` tells one state from another; while a run of it goes
    on it is read anew now and then.
    """
    search, store = state.find(id), open_store()
    confirmations = heats.confirmations(store, search)
    begun = confirmations[-1][0].begun if confirmations else None
    proposals = {proposal.lengths: proposal for proposal in heats.proposals_of(search, confirmations)}
    return [
        Answered(
            lengths,
            proposals.get(lengths),
            points(store, search, lengths, proposals.get(lengths)),
            roofline_view.sentence(begun, search, lengths, proposals.get(lengths)),
        )
        for lengths in search.asked.objectives
    ]


def label(search: Search) -> str:
    asked = search.asked
    lengths = ", ".join(map(str, asked.lengths))
    figure = "" if asked.percentile == MEDIAN else f", p{asked.percentile}"
    return f"{moment(search.begun_at)} · {lengths} tokens, scope {asked.scope}{figure}"


def draw_head(search: Search) -> bool:
    """Draw what was asked, and how far it is; tell whether it goes on."""
    asked = search.asked
    bounds = [
        f"at most {asked.max_drop:.1%} of FP32's accuracy lost",
        f"at most {asked.memory_mb:.0f} MB" if asked.memory_mb else "",
        f"loaded within {asked.load_s:g} s" if asked.load_s else "",
        f"packages {', '.join(asked.packages)}" if asked.packages else "",
    ]
    st.caption(
        plain(
            f"{label(search)} · {many(asked.threads, 'thread')} · {', '.join(filter(None, bounds))} · "
            f"{extent(search)}"
        )
    )
    if told := words_of_texts(asked):
        st.caption(plain(told))
    going_on = draw_going_on(search)
    if search.problem and not going_on:
        st.error(plain(public(search.problem)), icon=":material/error:")
    if search.imported:
        st.caption("It came in a file: what the screen says is the word of the host that measured it.")
    elif not search.ended_at and not going_on:
        st.info("It was stopped before its end, and can go on where it was.", icon=":material/pause_circle:")
        draw_go_on(search)
        if not hosted():
            draw_command("The command that goes on", f"python -m src find --resume {search.id}")
    return going_on


def draw_objective(search: Search, answered: Answered, going_on: bool) -> None:
    lengths, proposal = answered.lengths, answered.proposal
    if proposal:
        st.success(plain(f"{objective_title(lengths)}: {sentence(proposal)}"), icon=":material/flag:")
        if answered.limit:
            st.caption(plain(answered.limit))
    elif not going_on:
        st.info(not_confirmed(lengths), icon=":material/hourglass_empty:")
    if answered.points:
        draw_chart(search, lengths, answered.points)
    if search.asked.percentile != MEDIAN:
        st.caption(
            f"The table is of the p{search.asked.percentile}, with 99 % confidence; picture and races "
            "are of medians. Who is more than 10 % slower than the fastest in that is not looked at further."
        )
    if proposal:
        draw_finalists(proposal)
        draw_bundle(search, proposal)


def draw_chart(search: Search, lengths: Objective, shown: list[Point]) -> None:
    stored = [
        reference
        for reference in references.infinity("cpu")
        if search.asked.scope == "pipeline" and (reference.sequence_length,) == lengths
    ]
    st.plotly_chart(
        search_chart.picture(shown, stored),
        key="f_chart",
        config=charts.CONFIG,
        alt=f"{len(shown)} configurations by latency and accuracy, {objective_title(lengths)}",
    )
    st.caption(
        "Filled: confirmed in new processes; hollow: its figure is of a race. The band: what cannot be told "
        "from the fastest. Area: memory."
        + ("" if stored else " Infinity's stored numbers are of scope pipeline, at 16 and at 128 tokens.")
    )


def draw_finalists(proposal: Proposal) -> None:
    frame = pd.DataFrame([line(proposal, one) for one in proposal.finalists])
    st.dataframe(frame, hide_index=True, key="f_finalists", alt="The finalists, fastest first")


def line(proposal: Proposal, one: Finalist) -> dict[str, str]:
    first = one is proposal.finalists[0]
    told = "slower"
    if one.tied:
        told = "fastest" if first else "not told apart from the fastest"
    return {
        "Configuration": one.name,
        figure_title(proposal.percentile): figure_words(proposal, one),
        "To the fastest": ratio_words(proposal, one),
        "Says": told + (", proposed" if one.name == proposal.simplest else ""),
    }


def draw_screen(search: Search) -> None:
    out = [one for one in search.screened if one.state != PASSES]
    if not out:
        return
    with st.expander(f"Left out by the screen ({len(out)})", icon=":material/filter_alt:"):
        lines = [
            {"Configuration": one.engine, "Why": plain(public(f"{one.state}. {one.reason}"))} for one in out
        ]
        st.table(pd.DataFrame(lines).set_index("Configuration"))


def draw_runs(store: Store, search: Search) -> None:
    with st.expander("Its runs", icon=":material/sports_score:"):
        for heat in search.heats:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"{GENERATIONS[heat.generation]}: {many(len(heat.field), 'configuration')}")
                st.page_link(
                    "pages/benchmark.py",
                    label=heat.run,
                    query_params={"run": heat.run},
                    icon=":material/open_in_new:",
                )


def document(search: Search, proposals: list[Proposal]) -> Facts:
    """Return a search and its answer as JSON that visitors may have."""
    whole = {
        "search": dataclasses.asdict(search),
        "proposals": [dataclasses.asdict(proposal) for proposal in proposals],
    }
    return cast(Facts, disclosed(whole))


def draw_foot(store: Store, search: Search, proposals: list[Proposal], going_on: bool) -> None:
    """Draw what can be done with a search as a whole."""
    with st.container(horizontal=True):
        draw_answer_download(search, proposals)
        if limits().changes:
            st.download_button(
                "With all runs",
                lambda: search_file.pack(store, search),
                f"search-{search.id}.zip",
                "application/zip",
                key="f_zip",
                icon=":material/folder_zip:",
                on_click="ignore",
                help="The search and its runs, for History or `python -m src import` elsewhere.",
            )
            if not going_on and st.button("Delete", key="f_delete", icon=":material/delete:"):
                delete_dialog(search)


@st.dialog("Forget this search?")
def delete_dialog(search: Search) -> None:
    st.markdown(plain(label(search)))
    st.caption("Its runs are kept: History has them.")
    if st.button("Delete the search", key="f_delete_yes", icon=":material/delete_forever:"):
        with explained():
            process.remove(search.id)
            forget_choice()
            st.rerun()


def draw_answer_download(search: Search, proposals: list[Proposal]) -> None:
    st.download_button(
        "JSON",
        json.dumps(document(search, proposals), ensure_ascii=False, indent=1),
        f"search-{search.id}.json",
        "application/json",
        key="f_json",
        icon=":material/download:",
        on_click="ignore",
    )


def draw_search(store: Store, search: Search) -> None:
    going_on = draw_head(search)
    by_objective = answers(search.id, search.spent_s)
    titles = [objective_title(answered.lengths) for answered in by_objective]
    chosen = titles[0]
    if len(titles) > 1:
        chosen = st.segmented_control(
            "Fast at", titles, default=titles[0], required=True, key="f_for", bind="query-params"
        )
    draw_objective(search, by_objective[titles.index(chosen)], going_on)
    draw_screen(search)
    draw_runs(store, search)
    proposals = [answered.proposal for answered in by_objective if answered.proposal]
    draw_foot(store, search, proposals, going_on)


def draw() -> None:
    """Draw the page."""
    st.title("Find")
    st.markdown(INTRODUCTION)
    store = the_store()
    searches = state.kept()
    with explained():
        if searches:
            by_id = {search.id: search for search in searches}
            draw_search(store, linked.choose("Search", by_id, label, CHOICE, "search"))
        else:
            st.info("No search is kept yet.", icon=":material/manage_search:")
    with explained():
        draw_form(opened=not searches)
    if not hosted():
        draw_command("The command that searches", COMMAND, key="f_command")
