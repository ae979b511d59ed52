"""The form that begins a search, and what is shown of one while it goes on."""

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from src import environments
from src.accuracy import datasets
from src.bench.plan import SCOPES
from src.engines import registry
from src.host import machine
from src.limits import limits, public
from src.model import source
from src.search import asked as asking
from src.search import live, own_texts, process, space, state
from src.search.asked import Asked, BadSearch
from src.search.live import Told
from src.search.state import Search
from src.search.words import extent, objective_title
from src.stats import MEDIAN
from src.ui.format import plain
from src.ui.run_view import SCOPE_HELP
from src.ui.shell import explained
from src.words import duration, times

LENGTHS = (8, 16, 32, 64, 128, 256)
USUAL_LENGTHS, USUAL_MINUTES, MOST_MINUTES = (16, 128), 20, 180
# Whoever looks takes CPU from what is measured.
TICK_S = 4.0
CHOICE = "f_search"  # the widget that chooses among searches
MOST_MEMORY_MB, MOST_LOAD_S = 4000, 120


def draw_form(opened: bool) -> None:
    """Draw the form: the workload, what a configuration must keep to, for how long; a click begins."""
    if not limits().changes:
        return
    with st.expander("Begin a search", icon=":material/add:", expanded=opened):
        upload, lengths = ask_lengths()
        left, right = st.columns(2)
        with left:
            asked = ask_workload(lengths, of_texts=upload is not None)
        with right:
            asked = ask_constraints(asked)
        asked = replace(ask_candidates(asked), model=source.parse().to_text())
        clicked = st.button(
            "Search",
            key="f_begin",
            icon=":material/manage_search:",
            type="primary",
            disabled=not lengths and not upload,
        )
        if clicked:
            with explained():
                begin(of_upload(asked, upload) if upload else asked)


def ask_lengths() -> tuple[UploadedFile | None, tuple[int, ...]]:
    """Ask what is to be fast: lengths, or somebody's own texts."""
    above = st.container()
    upload = st.file_uploader(
        "Or your own texts",
        ["txt", "tsv"],
        key="f_texts",
        help=f"UTF-8, a text a line. {own_texts.GROUPS} lengths stand for them, and the search is for the "
        "mean latency of a text. The file is not kept.",
    )
    lengths = above.pills(
        "Tokens",
        LENGTHS,
        selection_mode="multi",
        default=list(USUAL_LENGTHS),
        key="f_lengths",
        disabled=upload is not None,
    )
    return upload, tuple(sorted(lengths))


def of_upload(asked: Asked, upload: UploadedFile) -> Asked:
    """Return a search that is for the texts of a file. Raises BadSearch, ModelError."""
    return own_texts.asked_of(asked, own_texts.parse(upload.getvalue(), upload.name), upload.name)


def ask_workload(lengths: tuple[int, ...], of_texts: bool) -> Asked:
    """Ask for how long is searched, and what the timer encloses; of texts it is their mean."""
    minutes = st.slider("Minutes, at most", 2, MOST_MINUTES, USUAL_MINUTES, key="f_minutes")
    scope = st.segmented_control(
        "Scope", SCOPES, default="model", required=True, key="f_scope", help=SCOPE_HELP
    )
    percentile = MEDIAN if of_texts else ask_percentile()
    most = max(1, len(machine.allowed_cpus()))
    threads = st.number_input("Threads, at most", 1, most, machine.default_threads(), key="f_threads")
    return Asked(lengths, 60.0 * minutes, int(threads), scope, percentile=percentile)


def ask_percentile() -> int:
    """Ask which figure of calls is to be low."""
    chosen: int = st.segmented_control(
        "Lowest",
        asking.PERCENTILES,
        default=MEDIAN,
        required=True,
        key="f_percentile",
        format_func=lambda rank: "Median" if rank == MEDIAN else f"p{rank}",
        help="The median of calls, or what 1 % of them exceed: that takes longer, and is told as what it is "
        "at most.",
    )
    return chosen


def ask_constraints(asked: Asked) -> Asked:
    """Ask what a configuration must keep to."""
    drop = st.slider("Accuracy it may lose, %", 0.1, 5.0, 100 * asking.MAX_DROP, 0.1, key="f_drop")
    memory = st.slider(
        "Memory, MB at most (the end: any)", 100, MOST_MEMORY_MB, MOST_MEMORY_MB, 100, key="f_memory"
    )
    load = st.slider("Seconds to load, at most (the end: any)", 1, MOST_LOAD_S, MOST_LOAD_S, key="f_load")
    return replace(
        asked,
        max_drop=round(drop / 100, 4),
        memory_mb=float(memory) if memory < MOST_MEMORY_MB else None,
        load_s=float(load) if load < MOST_LOAD_S else None,
    )


def ask_candidates(asked: Asked) -> Asked:
    """Ask what is searched, and what its accuracy is measured on."""
    rows = [spec for spec in registry.available() if spec.device == "cpu"]
    needed = sorted({package for spec in rows for package in spec.packages})
    packages = st.pills(
        "Packages it may need",
        needed,
        selection_mode="multi",
        default=needed,
        key="f_packages",
        help="To build its file and to run it. Rows that need others are left out.",
    )
    engines = st.multiselect(
        "Engines",
        [spec.id for spec in rows],
        format_func=lambda id: registry.get(id).title,
        placeholder="All that can run here",
        key="f_engines",
    )
    others = ask_releases()
    dataset = st.text_input(
        "Labelled sentences",
        placeholder="A .tsv file on this machine: settles accuracies that are not known here",
        key="f_dataset",
    )
    return replace(
        asked,
        engines=tuple(engines),
        releases=others,
        packages=tuple(packages) if set(packages) < set(needed) else None,
        datasets=(asking.placed(dataset.strip()),) if dataset.strip() else (),
    )


def ask_releases() -> tuple[str, ...]:
    """Ask which other releases are tried; where none is installed there is nothing to ask."""
    installed = [release.name for release in environments.usable_releases()]
    if not installed:
        return ()
    others = st.multiselect(
        "Other releases",
        installed,
        default=space.installed_releases(),
        placeholder="None",
        key="f_releases",
        help="Of the runtimes of rows near the fastest. The page Timeline installs more.",
    )
    return tuple(others)


def begin(asked: Asked) -> None:
    """Begin a search in a process of its own. Raises BadSearch, BadPlan, BadDataset, NotBegun."""
    asking.check(asked)
    space.rows(asked.engines, asked.packages)
    datasets.pool(asked.datasets)
    search = state.begin(asked)
    check_alone(search)
    state.keep(search)
    go_on(search)


def check_alone(search: Search) -> None:
    """Raise BadSearch where another search goes on: to wait for the host would use up this one's time."""
    ids = [other.id for other in state.kept() if other.id != search.id]
    if others := [id for id in ids if process.conductor(id) is not None]:
        raise BadSearch(f"Search {others[0]} goes on. Stop it, or wait for its end, before another one.")


def go_on(search: Search) -> None:
    """Have a search conducted, and draw the page anew with it. Raises NotBegun."""
    with st.spinner("Starting the search's process"):
        process.start(search.id)
    forget_choice()
    st.query_params["search"] = search.id
    st.rerun()


def forget_choice() -> None:
    """Have the page show the latest search, or the address's."""
    st.query_params.pop("search", None)
    st.session_state.pop(CHOICE, None)


def draw_going_on(search: Search) -> bool:
    """Draw how far a search is that goes on, again every few seconds; tell whether it does."""
    if process.conductor(search.id) is None:
        return False
    st.fragment(watch, run_every=TICK_S)(search.id)
    return True


def watch(id: str) -> None:
    """Draw how far it is; once nobody conducts it any more, draw the whole page again."""
    with explained():
        if process.conductor(id) is None:
            st.rerun()
        search = live.so_far(state.find(id), datetime.now(UTC))
        told_last = live.of(id) or Told("Starting")
        st.progress(share(search), f"{plain(public(told_last.text))}{of_all(told_last)}")
        st.caption(plain(f"{extent(search)} of {duration(search.asked.budget_s)}"))
        if limits().changes and st.button(
            "Stop", key="f_stop", icon=":material/stop:", help="What it has is kept, and it can go on."
        ):
            process.stop(id)
            st.caption("Stopping: the slice that runs is finished first.")
        if told_last.racers:
            draw_race(search, told_last)


def share(search: Search) -> float:
    return min(1.0, search.spent_s / search.asked.budget_s)


def of_all(told_last: Told) -> str:
    return f" ({told_last.done} of {told_last.total})" if told_last.total else ""


def draw_race(search: Search, told_last: Told) -> None:
    """Draw how a race stands."""
    titles = [objective_title(lengths) for lengths in search.asked.objectives]
    frame = pd.DataFrame(
        [
            {
                "Configuration": racer.engine,
                **{title: times(ratio) for title, ratio in zip(titles, racer.ratios, strict=True)},
                "State": "in the race" if racer.racing else f"dropped after round {racer.rounds}",
            }
            for racer in told_last.racers
        ]
    )
    st.dataframe(frame, hide_index=True, key="f_race", alt="How the race stands, nearest to the leader first")
    st.caption("Latency ÷ the leader's in the same rounds, by objective.")


def draw_go_on(search: Search) -> None:
    """Offer to go on with a search that has not ended."""
    if limits().changes and st.button("Go on", key="f_go_on", icon=":material/play_arrow:"):
        with explained():
            check_alone(search)
            go_on(search)
