"""The benchmark page: ask for a run, watch it, read it. The link holds the plan, the job and the run."""

import streamlit as st

from src.host import lock
from src.jobs import queue
from src.jobs.job import Job
from src.limits import OUT_OF_ORDER, hosted, public
from src.store import runs
from src.store.database import Store
from src.ui.format import plain
from src.ui.job_panel import draw_job, draw_queue, draw_standstill
from src.ui.plan_form import draw_form
from src.ui.run_view import draw_run
from src.ui.shell import explained, supervisor, the_store


def the_job(store: Store) -> Job | None:
    """Return the job in the link; say so where it is none."""
    id = st.query_params.get("job")
    if not id:
        return None
    job = queue.get(store, id)
    if job is None:
        st.warning("The run in this link was never asked for here, or is gone.", icon=":material/link_off:")
    elif not job.open:
        st.query_params.pop("token", None)  # there is nothing to cancel, and links are passed on
    return job


def the_run(store: Store, job: Job | None) -> runs.Listed | None:
    """Return the run in the link, or the one that the ended job made."""
    id = st.query_params.get("run") or (job.run_id if job and not job.open else None)
    if not id:
        return None
    run = next(iter(runs.listed(store, id)), None)
    if run is None:
        st.warning(
            f"There is no run {plain(id[:40])} here. It may have been deleted.", icon=":material/link_off:"
        )
    return run


def draw() -> None:
    """Draw the page."""
    st.title("Benchmark")
    store = the_store()
    with explained():
        if problem := supervisor().problem:
            why = OUT_OF_ORDER if hosted() else plain(problem)
            st.warning(f"Runs are not started at the moment. {why}", icon=":material/error:")
        job = the_job(store)
        if not (job and job.open):  # else drawn again and again with how far it is
            draw_standstill()
        run = the_run(store, job)
        if job:
            draw_job(store, job)
        if run:
            draw_run(store, run)
        if job or run:
            st.divider()
            with st.expander("Ask for another run", icon=":material/add:"):
                draw_form(store)
        else:
            st.markdown(
                "Choose engines and cases; the run is measured on this host, one at a time, by the "
                "protocol that docs/methodology.md describes."
            )
            draw_form(store)
        draw_queue(store, job.id if job else None)
        if (holder := lock.holder_now()) and not (job and job.open):
            st.caption(
                f"This host is measuring at the moment: {plain(public(holder))}. A new run waits for it."
            )
