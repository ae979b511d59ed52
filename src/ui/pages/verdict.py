"""Are we there yet? A stored run beside Infinity's numbers and the write-up's tables. Measures nothing."""

import pandas as pd
import streamlit as st

from src.engines import registry
from src.figures.run import Run
from src.references import verdict
from src.references.answer import APART, FASTER, LEVEL, SLOWER, UNDECIDED
from src.references.beside import known_of
from src.references.reference import infinity
from src.references.verdict import Beside, PublishedCell
from src.store import runs
from src.ui import charts, curves, provenance, tables
from src.ui.answers import case_title
from src.ui.format import plain
from src.ui.kept_runs import finished_run
from src.ui.paced import draw_paced
from src.ui.run_view import host_line
from src.ui.shell import the_store
from src.ui.splits import draw_splits
from src.ui.spoken import draw_spoken
from src.ui.style import known
from src.words import moment, ms, times

ICONS = {
    FASTER: ":material/check:",
    SLOWER: ":material/close:",
    LEVEL: ":material/drag_handle:",
    UNDECIDED: ":material/question_mark:",
    APART: ":material/block:",
}


def choose_run(listed: list[runs.Listed]) -> runs.Listed:
    """Let somebody choose among the runs that have ended; the latest of the write-up's plan comes first."""
    ids = [run.id for run in listed]
    default = runs.preferred(listed).id
    chosen = st.selectbox(
        "Run", ids, index=ids.index(default), key="v_run", bind="query-params", format_func=str
    )
    return next(run for run in listed if run.id == chosen)


def draw_answers(run: Run) -> None:
    """Draw the answer for each length, and its numbers with their provenance."""
    answers = verdict.answers(run)
    if not answers:
        st.info(
            "This run has no result that counts in scope **pipeline**, which is what Infinity's numbers "
            "enclose. Ask for both scopes: the preset **writeup** does.",
            icon=":material/info:",
        )
        return
    for device, length, answer in answers:
        draw_spoken(answer, f"{case_title(device, length)} – ")
    st.markdown(
        "On the run's host, which is not Infinity's; text in, label out, batch 1, back to back. Accuracy: "
        "proven to be within 1 % of FP32's, or the answer says so."
    )
    for device, length, answer in answers:
        if not answer.best or not answer.standing or not answer.standing.reference:
            continue
        result = verdict.find(run, answer.best.engine, length, "pipeline")
        stated = verdict.beside(run, answer.standing.reference, answer.best.engine, result)
        frames = verdict.on_video(run, answer)
        first, second, third, fourth = st.columns((1, 1.8, 2.4, 2.8), vertical_alignment="center")
        first.markdown(f"**{case_title(device, length)}**")
        with second:
            draw_number(stated, "stated")
        with third:
            if frames:
                draw_number(frames, "on video")
                st.caption(f"{times(frames.ratio)} of it")
        with fourth:
            draw_side(stated, run)


def draw_number(side: Beside, how: str) -> None:
    """Draw one of Infinity's numbers as a button that opens its provenance."""
    label = f"Infinity, {how}: {side.reference.value:g} ms"
    with st.popover(label, icon=":material/inventory_2:", width="stretch"):
        provenance.draw_published(side.reference)


def draw_side(side: Beside, run: Run) -> None:
    """Draw one measured number as a button that opens its provenance; or why there is none."""
    title = known(side.engine).title
    if side.result is None:
        missing = registry.availability(known(side.engine)) if known(side.engine).implementation else None
        why = missing.reason if missing else "not in this run"
        st.caption(f"{plain(title)}: {plain(why)}")
        return
    st.caption(plain(title))
    label = ms(side.result.median_ms or 0.0)
    if side.ratio is not None:
        label += f" · {times(side.ratio)} {side.verdict}"
    with st.popover(label, icon=ICONS[side.verdict], width="stretch"):
        provenance.draw_measured(side, run)


def draw_table(run: Run, device: str, headings: tuple[str, ...]) -> None:
    """Draw a table of the write-up, a line a cell: each number opens its provenance."""
    cells = verdict.table(run, device)
    widths = (2, 1.6, *(2.8 for _ in headings[1:]))
    for column, text in zip(st.columns(widths), ("Column, tokens", *headings), strict=True):
        column.caption(text)
    for cell in cells:
        first, second, *others = st.columns(widths, vertical_alignment="center")
        first.markdown(f"**{plain(cell.column)}**, {cell.length}")
        corrected = f" (printed {cell.printed:g})" if cell.printed else ""
        label = f"{cell.reference.value:g} ms{corrected}"
        with second.popover(label, icon=":material/menu_book:", width="stretch"):
            provenance.draw_published(cell.reference, cell.printed)
        for column, side in zip(others, cell.beside, strict=False):
            with column:
                draw_side(side, run)
    tables.draw_downloads(as_frame(cells), f"verdict-{device}")


def interval_of(side: Beside) -> tuple[float | None, float | None]:
    return (side.result and side.result.median_ci95_ms) or (None, None)


def as_frame(cells: list[PublishedCell]) -> pd.DataFrame:
    """Return a table's cells and what stands beside them, a row a pair."""
    return pd.DataFrame(
        [
            {
                "column": cell.column,
                "tokens": cell.length,
                "published_ms": cell.reference.value,
                "engine": side.engine,
                "measured_ms": side.result.median_ms if side.result else None,
                **dict(zip(("low_ms", "high_ms"), interval_of(side), strict=True)),
                "ratio": side.ratio,
                "verdict": None if side.verdict == APART else side.verdict,
            }
            for cell in cells
            for side in cell.beside
        ]
    )


def draw_charts(run: Run) -> None:
    results = [
        result
        for result in run.results
        if (result.scope, result.batch_size) == ("pipeline", 1)
        and result.engine != registry.NULL
        and not result.invalid
        and result.median_ms is not None
    ]
    if not results:
        return
    threads = min({result.threads for result in results}, key=lambda count: abs(count - verdict.THREADS))
    results = [result for result in results if result.threads == threads]
    stored = [
        row for device in dict.fromkeys(result.device for result in results) for row in infinity(device)
    ]
    left, right = st.columns(2)
    with left:
        st.markdown("**Latency by length**, scope pipeline")
        st.plotly_chart(
            curves.length_lines(results, stored),
            key="lengths",
            config=charts.CONFIG,
            alt="Latency against sequence length for each engine, with Infinity's numbers hollow",
        )
    with right:
        length = st.segmented_control(
            "Accuracy and latency at so many tokens",
            sorted({result.sequence_length for result in results}),
            default=min(result.sequence_length for result in results),
            required=True,
            key="v_tokens",
            bind="query-params",
        )
        points = [
            (result, known)
            for result in results
            if result.sequence_length == length and (known := known_of(result)) and known.accuracy is not None
        ]
        if points:
            st.plotly_chart(
                curves.pareto(points, [row for row in stored if row.sequence_length == length]),
                key="pareto",
                config=charts.CONFIG,
                alt="Accuracy on SST-2 against latency; the line joins engines that no other beats in both",
            )
        else:
            st.info(
                "No accuracy is known of these engines with this model. The page Accuracy says how to "
                "measure it."
            )


def draw() -> None:
    """Draw the page."""
    st.title("Are we there yet?")
    listed = [entry for entry in runs.listed(the_store()) if entry.stopped and entry.rounds]
    if not listed:
        st.info("No run is kept yet. The write-up's plan takes a quarter of an hour:", icon=":material/info:")
        st.code("python -m src bench --preset writeup", language=None)
        st.page_link(
            "pages/benchmark.py", label="Or ask for it in the page Benchmark", icon=":material/speed:"
        )
        st.stop()
    kept = choose_run(listed)
    run = finished_run(kept)
    if kept.source == "imported":
        st.info("This run came from a file: its host is not this one.", icon=":material/upload:")
    st.caption(
        f"{moment(kept.started_at)} UTC · {plain(host_line(run.head.host))} · {plain(run.head.model['name'])}"
    )
    if run.noise.noisy:
        st.warning(
            plain(" ".join(run.noise.reasons[:1]) or "This run was noisy."), icon=":material/graphic_eq:"
        )
    draw_answers(run)
    st.subheader("As the demo was driven", divider="gray")
    draw_paced(run)
    st.subheader("The write-up's CPU table", divider="gray")
    st.markdown(
        "Published 2021 beside this run, scope **model** (token ids in, logits out), batch 1, two threads. "
        "Lower is better; ×1.00 is as fast as published. Click a number to see where it comes from."
    )
    draw_table(run, "cpu", ("Published 2021", "The like, on the run's host", "Its heir, on the run's host"))
    st.subheader("Software or hardware?", divider="gray")
    draw_splits(run)
    st.subheader("Length, accuracy and latency", divider="gray")
    draw_charts(run)
    st.subheader("The write-up's GPU table", divider="gray")
    st.markdown(
        "Measured there on an A100, and without waiting for the GPU where it is TorchScript: launch times."
    )
    draw_table(run, "cuda", ("Published 2021", "The like, on the run's host"))
