"""A run as people read it: the answer first, then bars, lines, distribution, table, host, and its files."""

import json
from collections.abc import Iterable
from typing import Any

import streamlit as st

from src import references
from src.bench import report
from src.bench.events import TWIN
from src.bench.record import Cell, Record
from src.bench.results import case_of, figure_ms
from src.engines import registry
from src.limits import disclosed
from src.store import runs, transfer
from src.store.database import Store, open_store
from src.ui import charts, tables
from src.ui.format import duration, many, moment, ms, plain
from src.ui.shell import explained
from src.ui.spoken import draw_spoken
from src.ui.stored import draw_stored

VIEWS = ("Latency", "By length", "Distribution", "Table", "Host and evidence")


def finished_run(one: runs.Listed) -> dict[str, Any]:
    """Return the JSON of a run that has ended."""
    return kept_run(one.id, state_of(one))


def finished_record(one: runs.Listed) -> Record:
    """Return the record of a run that has ended, raw samples included. Nobody may change it."""
    return kept_record(one.id, state_of(one))


def state_of(one: runs.Listed) -> str:
    """Return what tells a run from another with its id, which may come after it was deleted."""
    return f"{one.stopped} {one.source} {one.rounds} {one.slices} {one.samples}"


@st.cache_data(max_entries=32, show_spinner="Reading the run …")
def kept_run(run_id: str, state: str) -> dict[str, Any]:
    return runs.run_json(open_store(), run_id)


@st.cache_resource(max_entries=2, show_spinner="Reading the raw samples …")
def kept_record(run_id: str, state: str) -> Record:
    return runs.record(open_store(), run_id)


def draw_run(store: Store, one: runs.Listed) -> None:
    """Draw a kept run with its controls and downloads."""
    run = disclosed(finished_run(one) if one.stopped else runs.run_json(store, one.id))
    draw_head(one, run)
    rows = [row for row in run["results"] if figure_ms(row) is not None]
    if not rows:
        st.info("Nothing was measured in this run. What failed, and why, is below.", icon=":material/info:")
        draw_failures(run)
        return
    chosen = choose_case(rows)
    shown = sorted(
        (row for row in rows if matches(row, chosen) and row["engine"] != registry.NULL),
        key=lambda row: figure_ms(row) or 0.0,
    )
    good = [row for row in shown if row["verdict"] != "invalid"]
    for spoken in references.answers(references.figures(run, good)) or [references.answer([])]:
        draw_spoken(spoken)
    draw_noise(run)
    view = st.segmented_control(
        "View",
        VIEWS,
        default=VIEWS[0],
        required=True,
        key="r_view",
        bind="query-params",
        label_visibility="collapsed",
    )
    match view:
        case "By length":
            draw_lengths(run, rows, chosen)
        case "Distribution":
            draw_distribution(run, good, one)
        case "Table":
            draw_table(run, shown)
        case "Host and evidence":
            draw_host(run)
        case _:
            draw_latency(run, shown, good)
    draw_failures(run)
    draw_downloads(one, run)


def draw_head(one: runs.Listed, run: dict[str, Any]) -> None:
    head = run["run"]
    st.subheader(one.title or f"Run {one.id}", anchor=False)
    badges = [":gray-badge[:material/upload: imported]"] if one.source == "imported" else []
    if run["noise"]["noisy"]:
        badges.append(":orange-badge[:material/graphic_eq: noisy]")
    if head["stopped"] in ("interrupted", "unfinished"):
        badges.append(f":orange-badge[{head['stopped']}]")
    spent = f" in {duration(head['seconds'])}" if head["seconds"] else ""
    st.markdown(
        " ".join(
            [
                *badges,
                f":gray[{plain(one.id)} · {moment(one.started_at)} UTC · {plain(head['model']['name'])}]",
            ]
        )
    )
    if one.stopped is None:
        st.caption("This run is being measured. What is shown is what it has so far.")
        return
    st.caption(
        f"{plain(host_line(head['host']))} · {plain(report.ENDINGS.get(head['stopped'], ''))} "
        f"{many(head['rounds'], 'round')}{spent}"
    )


def host_line(host: dict[str, Any]) -> str:
    """Return a host in a line: name, CPU, how much of it."""
    parts = [host.get("name"), host.get("cpu")]
    if host.get("allowed_cpus"):
        parts.append(many(host["allowed_cpus"], "CPU"))
    if host.get("memory_gb"):
        parts.append(f"{host['memory_gb']:g} GB")
    if host.get("system"):
        parts.append(host["system"])
    return ", ".join(str(part) for part in parts if part)


# --- which case


FIELDS = {
    "sequence_length": ("Tokens", "r_tokens"),
    "scope": ("Scope", "r_scope"),
    "batch_size": ("Batch size", "r_batch"),
    "threads": ("Threads", "r_threads"),
}
SCOPE_HELP = (
    "model: token ids in, logits out, as the write-up timed. pipeline: text in, label out, which is what "
    "Infinity's numbers enclose."
)


def choose_case(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Let somebody choose among the run's cases; what has one value only is not asked."""
    chosen = {}
    with st.container(horizontal=True):
        for field, (label, key) in FIELDS.items():
            options = sorted({row[field] for row in rows}, reverse=field == "scope")
            chosen[field] = options[0]
            if len(options) > 1:
                chosen[field] = st.segmented_control(
                    label,
                    options,
                    default=options[0],
                    required=True,
                    key=key,
                    bind="query-params",
                    help=SCOPE_HELP if field == "scope" else None,
                )
    return chosen


def matches(row: dict[str, Any], chosen: dict[str, Any], but: Iterable[str] = ()) -> bool:
    return all(row[field] == value for field, value in chosen.items() if field not in but)


# --- the answer


def draw_noise(run: dict[str, Any]) -> None:
    noise = run["noise"]
    if noise["noisy"]:
        text = f"{noise['disturbed_slices']:,} of {noise['slices']:,} slices were disturbed and left out. "
        text += plain(" ".join(noise["reasons"][:1]))
        if len(noise["reasons"]) > 1:
            text += f" {many(len(noise['reasons']) - 1, 'more reason')} under “Host and evidence”."
        st.warning(text, title="Noisy", icon=":material/graphic_eq:")
    elif noise["noisy"] is None:
        st.info(plain(" ".join(noise["reasons"])), icon=":material/info:")


def stored_beside(run: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the stored numbers beside a case: those of its own length where there are some."""
    if not rows:
        return []
    found = references.beside_row(run, rows[0])
    same = [one for one in found if one["sequence_length"] == rows[0]["sequence_length"]]
    return same or found


def draw_latency(run: dict[str, Any], shown: list[dict[str, Any]], good: list[dict[str, Any]]) -> None:
    if not good:
        st.info("No engine has a valid result in this case. The table tells why.", icon=":material/block:")
        return
    stored = stored_beside(run, good)
    st.plotly_chart(
        charts.run_bars(good, stored),
        key="run_bars",
        config=charts.CONFIG,
        alt=f"Latency by engine, sorted. {good[0]['facts']['title']} is fastest with "
        f"{ms(figure_ms(good[0]) or 0.0)}.",
    )
    if not runs.has_samples(run):
        st.caption(
            "Means, as the table tells them, without intervals. Dashed: stored numbers, not measured here."
        )
        draw_stored([(one, one["comparison"]) for one in stored])
        return
    hatched = " Hatched: not judged valid." if any(row["verdict"] != "valid" for row in good) else ""
    left_out = [row["facts"]["title"] for row in shown if row["verdict"] == "invalid"]
    st.caption(
        f"Medians of undisturbed calls; whiskers: 95 % intervals.{hatched} Dashed: stored numbers, not "
        "measured here." + (f" Left out as invalid: {plain(', '.join(left_out))}." if left_out else "")
    )
    draw_stored([(one, one["comparison"]) for one in stored])


def draw_lengths(run: dict[str, Any], rows: list[dict[str, Any]], chosen: dict[str, Any]) -> None:
    shown = [
        row
        for row in rows
        if matches(row, chosen, but=("sequence_length",))
        and row["engine"] != registry.NULL
        and row["verdict"] != "invalid"
    ]
    if len({row["sequence_length"] for row in shown}) < 2:
        st.info("This run has one length only. Measure several to see a curve.", icon=":material/show_chart:")
    st.plotly_chart(
        charts.length_lines(shown, references.beside_row(run, shown[0]) if shown else []),
        key="run_lines",
        config=charts.CONFIG,
        alt="Latency against sequence length, a line per engine, both axes logarithmic.",
    )
    st.caption(
        "Colour: runtime. Dash and marker: precision. Hollow diamonds: Infinity's stored numbers (scope "
        "pipeline, 2021, other hardware)."
    )


def draw_distribution(run: dict[str, Any], good: list[dict[str, Any]], one: runs.Listed) -> None:
    if not (runs.has_samples(run) and good):
        st.info("There are no raw samples of this case.", icon=":material/stacked_line_chart:")
        return
    if one.stopped is None:
        st.info("The raw samples are shown once the run has ended.", icon=":material/hourglass:")
        return
    record = finished_record(one)
    found = {}
    for row in good:
        cell = Cell(row["facts"]["group"], row["engine"], case_of(row))
        if calls := [value / 1e6 for slice in record.undisturbed(cell) for value in slice.ns]:
            found[row["engine"]] = calls
    st.plotly_chart(
        charts.distribution(found, {row["engine"]: row["facts"]["title"] for row in good}),
        key="run_distribution",
        config=charts.CONFIG,
        alt="Distribution of the calls' latency, a line per engine.",
    )
    st.caption(
        "Every undisturbed call, none dropped for its time. A steep line is an engine that always takes "
        "about as long; a long upper part is its tail."
    )


def draw_table(run: dict[str, Any], shown: list[dict[str, Any]]) -> None:
    baseline = run["run"]["plan"]["baseline"] if runs.has_samples(run) else ""
    frame, config = tables.run_results(shown, baseline)
    st.dataframe(
        frame,
        column_config=config,
        hide_index=True,
        key="run_table",
        alt="Results of this case, one row per engine",
    )
    floor = run["noise"]["noise_floor"]
    if baseline:
        st.caption(
            f"Ratio: latency ÷ {baseline}'s in the same rounds, below 1 is faster. "
            + (f"Below {100 * floor:.1f} % no difference can be seen in it (A/A pair)." if floor else "")
        )
    for row in shown:
        for reason in row["reasons"][:2]:
            st.markdown(
                f"- **{plain(row['facts']['title'])}**, {row['verdict'] or 'not judged'}: {plain(reason)}"
            )


def draw_host(run: dict[str, Any]) -> None:
    st.table(tables.host_facts(run), alt="The host and the software of this run")
    with st.expander("What each engine really ran", icon=":material/fact_check:"):
        for row in {row["engine"]: row for row in run["results"]}.values():
            if not row["engine"].endswith(TWIN):
                st.markdown(f"**{plain(row['facts']['title'])}**")
                st.json(row["facts"], expanded=False)
    with st.expander("Plan, protocol and command", icon=":material/checklist:"):
        st.code(run["run"]["command"], language=None, wrap_lines=True)
        st.json({"plan": run["run"]["plan"], "protocol": run["run"]["protocol"], "time": run["run"]["time"]})


def draw_failures(run: dict[str, Any]) -> None:
    if not (absent := report.not_measured(run)):
        return
    with st.expander(f"Not measured, and why: {len(absent)}", icon=":material/error:"):
        for text in absent:
            st.markdown(f"- {plain(text)}")


def draw_downloads(one: runs.Listed, run: dict[str, Any]) -> None:
    def whole() -> str:
        if not runs.has_samples(run):
            return json.dumps(run, ensure_ascii=False)
        return json.dumps(transfer.whole(runs.record(open_store(), one.id)), ensure_ascii=False)

    with st.container(horizontal=True, vertical_alignment="center"), explained():
        for label, kind, mime, data, about in (
            (
                "JSON",
                "json",
                "application/json",
                whole,
                "Everything, raw samples included where there are some: then another host can import it.",
            ),
            (
                "CSV",
                "csv",
                "text/csv",
                lambda: report.to_csv(run),
                "The 21 columns of ONNX Runtime's benchmark; scope model.",
            ),
            ("Markdown", "md", "text/markdown", lambda: report.to_markdown(run), "Tables to paste."),
        ):
            st.download_button(
                label,
                data,
                file_name=f"{one.id}.{kind}",
                mime=mime,
                on_click="ignore",
                key=f"download_{kind}",
                icon=":material/download:",
                help=about,
            )
        st.page_link(
            "pages/compare.py",
            label="Compare with another run",
            query_params={"runs": [one.id]},
            icon=":material/compare_arrows:",
        )
