"""What a run shows in each of its views: bars, lines, distribution, table, host."""

from collections.abc import Iterable
from dataclasses import asdict

import streamlit as st

from src import references
from src.bench.record import Cell
from src.engines import registry
from src.facts import Facts
from src.figures import report
from src.figures.run import Result, Run
from src.store import runs
from src.ui import charts, curves, tables
from src.ui.format import plain
from src.ui.kept_runs import finished_record
from src.ui.stored import draw_stored
from src.words import ms

Beside = tuple[references.Reference, references.Comparison]


def stored_beside(run: Run, rows: list[Result]) -> list[Beside]:
    """Return the stored numbers beside results, those of each of their devices."""
    first: dict[str, Result] = {}
    for row in rows:
        first.setdefault(row.device, row)
    return [side for row in first.values() for side in references.beside_result(run, row)]


def of_length(stored: list[Beside], length: int) -> list[Beside]:
    """Return the stored numbers of a length, or all where it has none."""
    return [side for side in stored if side[0].sequence_length == length] or stored


def matches(row: Result, chosen: Facts, but: Iterable[str] = ()) -> bool:
    return all(getattr(row, field) == value for field, value in chosen.items() if field not in but)


def draw_latency(run: Run, shown: list[Result], good: list[Result]) -> None:
    if not good:
        st.info("No engine has a valid result in this case. The table tells why.", icon=":material/block:")
        return
    stored = of_length(stored_beside(run, good), good[0].sequence_length)
    st.plotly_chart(
        charts.run_bars(good, [reference for reference, _ in stored]),
        key="run_bars",
        config=charts.CONFIG,
        alt=f"Latency by engine, sorted. {good[0].title} is fastest with {ms(good[0].figure_ms or 0.0)}.",
    )
    if not run.has_samples:
        st.caption(
            "Means, as the table tells them, without intervals. Dashed: stored numbers, not measured here."
        )
        draw_stored(stored)
        return
    hatched = " Hatched: not judged valid." if any(row.verdict != "valid" for row in good) else ""
    left_out = [row.title for row in shown if row.invalid]
    st.caption(
        f"Medians of undisturbed calls; whiskers: 95 % intervals.{hatched} Dashed: stored numbers, not "
        "measured here." + (f" Left out as invalid: {plain(', '.join(left_out))}." if left_out else "")
    )
    draw_stored(stored)


def draw_lengths(run: Run, rows: list[Result], chosen: Facts) -> None:
    shown = [
        row
        for row in rows
        if matches(row, chosen, but=("sequence_length",)) and row.engine != registry.NULL and not row.invalid
    ]
    if len({row.sequence_length for row in shown}) < 2:
        st.info("This run has one length only. Measure several to see a curve.", icon=":material/show_chart:")
    st.plotly_chart(
        curves.length_lines(shown, [reference for reference, _ in stored_beside(run, shown)]),
        key="run_lines",
        config=charts.CONFIG,
        alt="Latency against sequence length, a line per engine, both axes logarithmic.",
    )
    st.caption(
        "Colour: runtime. Dash and marker: precision. Hollow: Infinity's stored numbers (scope "
        "pipeline, 2021, other hardware)."
    )


def draw_distribution(run: Run, good: list[Result], listed: runs.Listed) -> None:
    if not (run.has_samples and good):
        st.info("There are no raw samples of this case.", icon=":material/stacked_line_chart:")
        return
    if listed.stopped is None:
        st.info("The raw samples are shown once the run has ended.", icon=":material/hourglass:")
        return
    record = finished_record(listed)
    samples_ms = {}
    for row in good:
        cell = Cell(row.facts["group"], row.engine, row.case)
        if calls := [value / 1e6 for slice in record.undisturbed(cell) for value in slice.ns]:
            samples_ms[row.engine] = calls
    st.plotly_chart(
        curves.distribution(samples_ms, {row.engine: row.title for row in good}),
        key="run_distribution",
        config=charts.CONFIG,
        alt="Distribution of the calls' latency, a line per engine.",
    )
    st.caption(
        "Every undisturbed call, none dropped for its time. A steep line is an engine that always takes "
        "about as long; a long upper part is its tail."
    )


def draw_table(run: Run, shown: list[Result]) -> None:
    baseline = run.head.plan["baseline"] if run.has_samples else ""
    frame, config = tables.run_results(shown, baseline)
    st.dataframe(
        frame,
        column_config=config,
        hide_index=True,
        key="run_table",
        alt="Results of this case, one row per engine",
    )
    floor = run.noise.noise_floor
    if baseline:
        st.caption(
            f"Ratio: latency ÷ {baseline}'s in the same rounds, below 1 is faster. "
            + (f"Below {100 * floor:.1f} % no difference can be seen in it (A/A pair). " if floor else "")
            + report.processes(run)
        )
    for row in shown:
        for reason in row.reasons[:2]:
            st.markdown(f"- **{plain(row.title)}**, {row.verdict or 'not judged'}: {plain(reason)}")


def draw_host(run: Run) -> None:
    st.table(tables.host_facts(run), alt="The host and the software of this run")
    with st.expander("What each engine really ran", icon=":material/fact_check:"):
        for row in {row.engine: row for row in run.results}.values():
            st.markdown(f"**{plain(row.title)}**")
            st.json(row.facts, expanded=False)
    with st.expander("Plan, protocol and command", icon=":material/checklist:"):
        st.code(run.head.command, language=None, wrap_lines=True)
        time = run.head.time and asdict(run.head.time)
        st.json({"plan": run.head.plan, "protocol": run.head.protocol, "time": time})
