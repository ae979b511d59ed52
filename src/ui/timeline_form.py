"""The form that asks for a time line, and the button that repeats its steps."""

from dataclasses import replace

import streamlit as st

from src import releases
from src.bench import plan, timeline_plan
from src.engines import registry
from src.figures.steps import CONFIRMATIONS, Step, pairs_of, rows_of
from src.jobs import queue
from src.jobs.tokens import new_token
from src.limits import limits
from src.model import source
from src.store import costs, runs
from src.store.database import Store
from src.ui.plan_form import asker, draw_run_button
from src.ui.shell import explained
from src.ui.timeline_install import draw_offered
from src.words import many

LENGTHS = (16, 32, 64, 128)


def draw_form(store: Store, opened: bool) -> None:
    """Draw the form: a runtime, its releases that are here, its rows, lengths; a click queues the run."""
    with st.expander("Measure a time line", icon=":material/add:", expanded=opened):
        runtime = st.segmented_control(
            "Runtime",
            list(releases.RUNTIMES),
            default=next(iter(releases.RUNTIMES)),
            required=True,
            format_func=releases.RUNTIMES.__getitem__,
            key="t_runtime",
        )
        here = timeline_plan.here(runtime)
        draw_offered(runtime, here)
        if len(here) < 2:
            st.info(
                f"A time line needs two releases of {releases.RUNTIMES[runtime]}, and {len(here)} can be "
                "used here. This installs them and measures them: "
                f"`python -m src timeline {runtime} --minor`",
                icon=":material/download:",
            )
            return
        chosen = st.multiselect("Releases", here, default=here, key=f"t_versions_{runtime}")
        rows = st.pills(
            "Engines",
            [spec.id for spec in registry.available() if timeline_plan.has_row(runtime, spec)],
            selection_mode="multi",
            default=list(timeline_plan.default_rows(runtime)),
            format_func=lambda id: registry.get(id).title,
            key=f"t_rows_{runtime}",
        )
        lengths = st.pills(
            "Tokens", LENGTHS, selection_mode="multi", default=list(timeline_plan.LENGTHS), key="t_lengths"
        )
        if len(chosen) < 2 or not rows or not lengths:
            st.info("Choose two releases, an engine and a length.", icon=":material/rule:")
            return
        ordered = sorted(chosen, key=releases.order)
        asked = timeline_plan.plan_for(rows, ordered, runs.typical_ms(store), lengths)
        draw_run_button(store, replace(asked, budget_s=min(asked.budget_s, limits().budget_s)), key="t_go")


def draw_repeat(store: Store, listed: runs.Listed, found: list[Step]) -> None:
    """Offer to repeat steps in fresh processes: a few runs for each pair of releases, in the queue."""
    if not found:
        return
    pairs = pairs_of(found)
    plans = [
        timeline_plan.plan_for(
            rows_of(together),
            pair,
            runs.typical_ms(store),
            sorted({step.case.sequence_length for step in together}),
            together[0].case.threads,
            timeline_plan.REPEAT,
            seed,
            listed.id,
        )
        for pair, together in pairs.items()
        for seed in range(1, CONFIRMATIONS + 1)
    ]
    clicked = st.button(
        f"Repeat {many(len(pairs), 'step')} in fresh processes",
        key="t_repeat",
        icon=":material/replay:",
        help=f"{many(len(plans), 'run')} in the queue: each step again, {CONFIRMATIONS} times.",
    )
    if not clicked:
        return
    with explained():
        model = source.parse().to_text()
        for asked in plans:
            seconds = costs.accept(store, plan.accept(asked)[0])
            queue.ask(store, asked, model, seconds, new_token(), new_token(), asker())
        st.success(f"{many(len(plans), 'run')} asked for: see Benchmark.", icon=":material/check:")
