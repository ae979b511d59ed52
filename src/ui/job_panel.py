"""A job while it waits and runs: its place, its progress, its results so far, and how to cancel it."""

import pandas as pd
import streamlit as st

from src.bench.events import TWIN
from src.engines import registry
from src.errors import Explained
from src.jobs import queue, supervisor
from src.jobs.job import QUEUED, Job
from src.jobs.live import Live, Step
from src.limits import OUT_OF_ORDER, hosted, public, told
from src.store.database import Store
from src.ui import charts, shell, style
from src.ui.format import plain
from src.ui.shell import explained, user
from src.words import duration, interval, many, ms, times

# Whoever looks takes CPU from what is measured, on the same host the browser too: words are drawn again every
# few seconds, tables and charts more seldom.
TICK_S, DETAILS_S = 3.0, 10.0
STATES = {
    "failed": ("error", "error", "Failed"),
    "cancelled": ("info", "cancel", "Cancelled"),
    "interrupted": ("warning", "pause_circle", "Interrupted"),
    "lost": ("error", "heart_broken", "Lost"),
}


def draw_job(store: Store, job: Job) -> None:
    """Draw a job; while it has not ended, again every few seconds."""
    if not job.open:
        draw_end(job)
        return
    st.fragment(watch, run_every=TICK_S)(store, job.id, job.state == QUEUED)
    if job.state == QUEUED:
        st.caption("You may close this page: the run is kept, and its link shows it.")
    else:
        st.fragment(details, run_every=DETAILS_S)(store, job.id)


def watch(store: Store, id: str, queued: bool) -> None:
    """Draw how far an open job is; when it has ended, or no longer waits, draw the whole page again."""
    with explained():
        job = queue.get(store, id)
        if job is None or not job.open or (queued and job.state != QUEUED):
            st.rerun()
        draw_standstill()
        st.progress(*how_far(store, job))
        draw_cancel(store, job)
        if problem := st.session_state.pop("cancel_problem", ""):
            st.error(plain(problem))


def draw_standstill() -> None:
    """Tell which run does not move, if any."""
    if standstill := shell.supervisor().standstill:
        st.warning(OUT_OF_ORDER if hosted() else plain(standstill), icon=":material/pause_circle:")


def details(store: Store, id: str) -> None:
    """Draw an active job's engines, results so far and log."""
    with explained():
        job = queue.get(store, id)
        if job and job.open:
            draw_running(job)


def how_far(store: Store, job: Job) -> tuple[float, str]:
    """Return the share of a job that is done, and in words how far it is."""
    if job.state != QUEUED:
        return share_done(job, job.progress), words(job.progress)
    place = queue.place(store, job)
    if place.before:
        runs_before = "1 run is" if place.before == 1 else f"{place.before} runs are"
        return 0.0, f"Waiting: {runs_before} before yours. It begins in about {duration(place.wait_s)}."
    return 0.0, "Yours is next. It begins in a moment."


def draw_running(job: Job) -> None:
    if job.cancel_asked:
        st.caption("Cancelling: the slice that runs is finished first, and what was measured is kept.")
    live = job.live or Live()
    left, right = st.columns([2, 3])
    with left:
        st.table(engine_states(job, live), alt="State of each engine of this run")
    with right:
        baseline = job.plan.baseline
        if any(baseline in cell.ratios for cell in live.cells):
            st.plotly_chart(
                charts.live_ratios(live.cells, baseline),
                key="job_chart",
                config={"displayModeBar": False},
                alt="Each cell's ratio to the baseline so far; intervals shrink as rounds pass",
            )
            st.caption(
                f"After {many(live.round, 'round')}. Whiskers: 95 % intervals; they shrink as rounds pass."
            )
        else:
            st.info("The chart begins with the sixth round.", icon=":material/hourglass_top:")
    if not hosted():
        with st.expander("Log", icon=":material/notes:"):
            st.code(supervisor.log_tail(job.id) or "Nothing was printed: that is good.", language=None)


def share_done(job: Job, step: Step | None) -> float:
    elapsed, left = (step.elapsed_s, step.left_s) if step else (0.0, job.estimate_s)
    return min(1.0, elapsed / (elapsed + left)) if elapsed + left > 0 else 0.0


def words(step: Step | None) -> str:
    """Return how far a job is, in words."""
    if not step:
        return "Starting …"
    count = f" ({step.done} of {step.total})" if step.total else ""
    text = plain(public(step.text))
    if step.stage in ("wait", "noise"):
        return f"{text} …"
    if step.round is None:
        return f"{text}{count} · about {duration(step.left_s)} left"
    return f"Round {step.round} · it may stop after round {step.next_look}, in about {duration(step.left_s)}"


def engine_states(job: Job, live: Live) -> pd.DataFrame:
    """Return a line per engine: waiting, loaded, measured or failed, with its first case's latency."""
    failed = {failure.engine: failure.reason for failure in live.failures}
    lines = []
    for engine in dict.fromkeys((job.plan.baseline, *job.plan.engines)):
        if engine == registry.NULL:
            continue
        cell = next((cell for cell in live.cells if cell.engine == engine), None)
        state, latency, ratio = "waiting", "", ""
        if engine in failed or engine + TWIN in failed:
            state = plain(public(f"failed: {failed.get(engine) or failed.get(engine + TWIN)}"))
        elif cell and cell.median_ms is not None:
            state = f"round {cell.rounds}"
            latency = ms(cell.median_ms)
            if cell.median_ci95_ms:
                latency += f" ({interval(*cell.median_ci95_ms)})"
            judged = cell.ratios.get(job.plan.baseline)
            ratio = times(judged.ratio) if judged else ("×1" if engine == job.plan.baseline else "")
        elif engine in live.loaded:
            state = "loaded"
        lines.append(
            {"Engine": style.known(engine).title, "State": state, "Latency": latency, "Ratio": ratio}
        )
    first = next(iter(live.cells), None)
    frame = pd.DataFrame(lines).set_index("Engine")
    if first:
        frame = frame.rename(columns={"Latency": f"Latency, {charts.case_words(first)}"})
    return frame


def draw_cancel(store: Store, job: Job) -> None:
    token = st.session_state.get("tokens", {}).get(job.id) or st.query_params.get("token")
    if not queue.is_theirs(store, job.id, token, user()):
        st.caption("Somebody else asked for this run: you may watch it.")
        return
    st.button(
        "Cancel",
        key="cancel",
        icon=":material/cancel:",
        disabled=job.cancel_asked,
        on_click=cancel,
        args=(store, job.id, token),
        help="What was measured until then is kept.",
    )


def cancel(store: Store, id: str, token: str | None) -> None:
    try:
        queue.cancel(store, id, token, user())
    except Explained as error:
        st.session_state.cancel_problem = told(error)


def draw_end(job: Job) -> None:
    """Say how a job ended, where that is more than that it is done."""
    if job.state == "succeeded":
        return
    kind, icon, title = STATES[job.state]
    reason = job.reason or ""
    if hosted() and job.state in ("failed", "lost"):
        reason = "Whoever runs this service finds the reason in its log. Try again."
    getattr(st, kind)(f"**{title}.** {plain(reason)}", icon=f":material/{icon}:")


def draw_queue(store: Store, mine: str | None) -> None:
    """List the jobs that have not ended, in their order."""
    open_jobs = [job for job in queue.waiting(store) if job.id != mine]
    if not open_jobs:
        return
    with st.expander(f"{many(len(open_jobs), 'other run')} in the queue", icon=":material/queue:"):
        for job in open_jobs:
            what = f"{many(len(job.plan.engines), 'engine')}, {many(len(job.plan.cases), 'case')}"
            st.page_link(
                "pages/benchmark.py",
                label=f"{job.state}: {what}, about {duration(queue.left_s(job))} left",
                query_params={"job": job.id},
                icon=":material/visibility:",
            )
