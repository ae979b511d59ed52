"""The timeline page: one runtime through its releases on this host, and which of them made each step."""

import pandas as pd
import streamlit as st

from src import environments, references
from src.bench import timeline_plan
from src.figures import timeline_report, upstream
from src.figures.run import INVALID, ratio_text
from src.figures.steps import Step, candidates, repeated, steps
from src.figures.timeline import Line, Timeline, timeline
from src.limits import hosted, limits
from src.model import source
from src.releases import SEPARATOR
from src.store import runs
from src.store.database import Store, open_store
from src.ui import charts, linked, timeline_chart
from src.ui.format import plain
from src.ui.job_panel import draw_job
from src.ui.kept_runs import finished_run, state_of
from src.ui.pages.benchmark import the_job
from src.ui.shell import explained, the_store
from src.ui.timeline_chart import LATENCY, RATIO
from src.ui.timeline_form import draw_form, draw_repeat
from src.words import many, moment

INTRODUCTION = (
    "The same file through every release of a runtime, measured together on one host: which release made it "
    "slower or faster, and where its answers changed."
)
STATES = (True, None, False)  # of steps, as they are listed: confirmed, seen once, not confirmed


@st.cache_data(max_entries=8, show_spinner="Reading the time line …")
def told(run_id: str, state: str, confirming: tuple[str, ...]) -> tuple[Timeline, list[Step]]:
    """Return a kept run's time line and its steps, with what the runs say that repeated them."""
    store = open_store()
    line = timeline(runs.record(store, run_id))
    repeats = [timeline(runs.record(store, id)) for id in confirming]
    return line, steps(repeated(step, repeats) for step in candidates(line))


def days(line: Timeline) -> dict[str, str]:
    """Return by release when its wheel was made: as the run recorded it, or where its environment is here."""
    recorded = {point.version: point.released_on for one in line.lines for point in one.points}
    known = {
        version: recorded.get(version)
        or environments.manifest(f"{line.runtime}{SEPARATOR}{version}").get("released_on")
        for version in line.versions
    }
    return {version: str(day) for version, day in known.items() if day}


def label(run: runs.Listed) -> str:
    return f"{run.title or run.id} · {run.host} · {moment(run.started_at)}"


def choose_case(line: Timeline) -> list[Line]:
    """Return the lines of the case that somebody chose."""
    lengths = sorted({one.case.sequence_length for one in line.lines})
    chosen = lengths[0]
    if len(lengths) > 1:
        chosen = st.segmented_control(
            "Tokens", lengths, default=lengths[0], required=True, key="t_tokens", bind="query-params"
        )
    return [one for one in line.lines if one.case.sequence_length == chosen]


def draw_chart(listed: runs.Listed, line: Timeline, found: list[Step]) -> None:
    with st.container(horizontal=True):
        lines = choose_case(line)
        view = st.segmented_control(
            "Show", (RATIO, LATENCY), default=RATIO, required=True, key="t_view", bind="query-params"
        )
    run, length = finished_run(listed), lines[0].case.sequence_length
    rows = [row for row in run.results if row.sequence_length == length and row.verdict != INVALID]
    beside = references.beside_result(run, rows[0]) if rows else []
    stored = [
        reference
        for reference, comparison in beside
        if comparison.comparable and reference.sequence_length == length
    ]
    st.plotly_chart(
        timeline_chart.chart(lines, found, line.versions, days(line), view, stored),
        key="t_chart",
        config=charts.CONFIG,
        alt=f"{line.name} from {line.versions[0]} to {line.versions[-1]}, {length} tokens: "
        f"{len(lines)} lines, {many(len([step for step in found if step.confirmed]), 'confirmed step')}.",
    )
    limit = timeline_report.sight_sentence(lines)
    st.caption(
        "All releases were measured in the same rounds. Whiskers: 95 % intervals; hollow: noisy; ringed: its "
        "answers changed. ×: a step; with “?” it was not repeated in fresh processes yet."
        + (f" {limit}." if limit else "")
        + (
            ""
            if stored
            else " Infinity's stored numbers enclose more than these (scope pipeline), so none stands here."
        )
    )


def draw_steps(store: Store, listed: runs.Listed, line: Timeline, found: list[Step]) -> None:
    st.subheader("Steps", anchor=False)
    if changed := timeline_report.answers_sentence(line):
        st.markdown(f":material/difference: {plain(changed)}.")
    if not found:
        said = [timeline_report.no_step(line.lines), timeline_report.sight_sentence(line.lines)]
        icon = ":material/check:" if said[0] == timeline_report.NO_STEP else ":material/help:"
        st.info(" ".join(f"{plain(text)}." for text in said if text), icon=icon)
        return
    frame = pd.DataFrame(
        [
            {
                "From": step.before,
                "To": step.after,
                "Engine": step.title,
                "Tokens": step.case.sequence_length,
                "After ÷ before": f"×{ratio_text(step.ratio, step.ci95)}",
                "State": timeline_report.state(step),
                "Answers": {True: "changed", False: "alike", None: "–"}[step.answers_changed],
            }
            for step in sorted(found, key=lambda step: STATES.index(step.confirmed))
        ]
    )
    st.dataframe(
        frame,
        hide_index=True,
        key="t_steps",
        alt="Steps: releases, engine, ratio and whether fresh processes repeated it",
        column_config={
            "State": st.column_config.TextColumn(
                help="confirmed: three runs in fresh processes show it again; not confirmed: they do not, "
                "beyond their noise floor; seen once: they are missing."
            ),
            "Answers": st.column_config.TextColumn(
                help="changed: the logits differ from before by more than rounding, or a label does."
            ),
        },
    )
    if limits().changes and listed.source == "measured":
        draw_repeat(store, listed, [step for step in found if step.confirmed is None])
    draw_report(listed, line, [step for step in found if step.confirmed])


def draw_report(listed: runs.Listed, line: Timeline, confirmed: list[Step]) -> None:
    """Offer a confirmed step as a folder for the runtime's maintainers."""
    if not confirmed or hosted():
        return
    with st.expander("Report a step to the runtime's maintainers", icon=":material/outgoing_mail:"):
        st.markdown(
            "A folder that needs nothing of ours: the model file, inputs, a script of some sixty lines that "
            "compares the two releases, this host's facts and the table."
        )
        number = st.selectbox(
            "Step",
            range(len(confirmed)),
            format_func=lambda place: timeline_report.sentence(confirmed[place]),
            key="t_report_step",
        )
        step, run = confirmed[number], finished_run(listed)
        if not st.toggle("Prepare it", key="t_report", help="Reads the model file: up to 91 MB."):
            return
        with explained():
            content = upstream.files(step, line, run.head.host, listed.id, source.parse())
            name = upstream.folder_name(step)
            st.download_button(
                "Report (zip)",
                upstream.zipped(content, name),
                f"{name}.zip",
                "application/zip",
                key="t_report_zip",
                icon=":material/folder_zip:",
                on_click="ignore",
            )


def draw_table(line: Timeline) -> None:
    with st.expander("Every release", icon=":material/table:"):
        for case in dict.fromkeys(one.case for one in line.lines):
            lines = [one for one in line.lines if one.case == case]
            st.markdown(f"**{case}**: ms, and ratio to the newest; ≠: its answers changed")
            frame = pd.DataFrame(
                [
                    {"Release": version, **{one.title: timeline_report.cell(one, version) for one in lines}}
                    for version in line.versions
                ]
            )
            st.dataframe(frame, hide_index=True, key=f"t_all_{case.sequence_length}", alt="Every release")
        for absent in line.absent:
            st.markdown(f"- {plain(f'{absent.row} {absent.version}')}: {plain(absent.reason)}")


def draw_downloads(listed: runs.Listed, line: Timeline, found: list[Step]) -> None:
    with st.container(horizontal=True):
        st.download_button(
            "CSV",
            lambda: timeline_report.to_csv(line),
            f"timeline-{listed.id}.csv",
            "text/csv",
            key="t_csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Markdown",
            lambda: timeline_report.to_markdown(line, found),
            f"timeline-{listed.id}.md",
            "text/markdown",
            key="t_markdown",
            icon=":material/download:",
            on_click="ignore",
        )
        st.page_link(
            "pages/benchmark.py",
            label="The run itself",
            query_params={"run": listed.id},
            icon=":material/open_in_new:",
        )


def draw() -> None:
    """Draw the page."""
    st.title("Timeline")
    st.markdown(INTRODUCTION)
    store = the_store()
    with explained():
        if job := the_job(store):
            draw_job(store, job)
        listed = [
            run
            for run in runs.listed(store)
            if run.preset == timeline_plan.PRESET and run.stopped and run.slices
        ]
        if listed:
            run = linked.choose("Time line", {run.id: run for run in listed}, label, "t_run", "run")
            confirming = tuple(runs.confirming(store, run.id))
            line, found = told(run.id, state_of(run), confirming)
            st.caption(plain(f"{line.name} · {label(run)} · {run.cpu}"))
            draw_chart(run, line, found)
            draw_steps(store, run, line, found)
            draw_table(line)
            draw_downloads(run, line, found)
        else:
            st.info("No time line is kept yet.", icon=":material/timeline:")
        draw_form(store, opened=not listed)
