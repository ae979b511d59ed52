"""A run as people read it: the answer first, then bars, lines, distribution, table, host, and its files."""

import json
from collections.abc import Sequence

import streamlit as st

from src import references
from src.engines import registry
from src.facts import Facts
from src.figures import report
from src.figures.run import Result, Run, from_json, to_json
from src.limits import disclosed, hosted
from src.store import runs, transfer
from src.store.database import Store, open_store
from src.ui.format import plain
from src.ui.kept_runs import finished_run
from src.ui.roofline_view import draw_limit
from src.ui.run_tabs import draw_distribution, draw_host, draw_latency, draw_lengths, draw_table, matches
from src.ui.shell import explained
from src.ui.spoken import draw_spoken
from src.words import duration, many, moment

VIEWS = ("Latency", "By length", "Distribution", "Limit", "Table", "Host and evidence")


def shown_run(run: Run) -> Run:
    """Return a run as whoever looks may read it."""
    return from_json(disclosed(to_json(run))) if hosted() else run


def draw_run(store: Store, listed: runs.Listed) -> None:
    """Draw a kept run with its controls and downloads."""
    run = shown_run(finished_run(listed) if listed.stopped else runs.run(store, listed.id))
    draw_head(listed, run)
    rows = [row for row in run.results if row.figure_ms is not None]
    if not rows:
        st.info("Nothing was measured in this run. What is known of why is below.", icon=":material/info:")
        draw_noise(run)
        draw_failures(run)
        draw_host(run)
        draw_downloads(listed, run)
        return
    chosen = choose_case(rows)
    shown = sorted(
        (row for row in rows if matches(row, chosen) and row.engine != registry.NULL),
        key=lambda row: row.figure_ms or 0.0,
    )
    good = [row for row in shown if not row.invalid]
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
            draw_distribution(run, good, listed)
        case "Limit":
            draw_limit(run, good)
        case "Table":
            draw_table(run, shown)
        case "Host and evidence":
            draw_host(run)
        case _:
            draw_latency(run, shown, good)
    draw_failures(run)
    draw_downloads(listed, run)


def draw_head(listed: runs.Listed, run: Run) -> None:
    head = run.head
    st.subheader(listed.title or f"Run {listed.id}", anchor=False)
    badges = [":gray-badge[:material/upload: imported]"] if listed.source == "imported" else []
    if run.noise.noisy:
        badges.append(":orange-badge[:material/graphic_eq: noisy]")
    if head.stopped in ("interrupted", "unfinished"):
        badges.append(f":orange-badge[{head.stopped}]")
    spent = f" in {duration(head.seconds)}" if head.seconds else ""
    st.markdown(
        " ".join(
            [
                *badges,
                f":gray[{plain(listed.id)} · {moment(listed.started_at)} UTC · {plain(head.model['name'])}]",
            ]
        )
    )
    if listed.stopped is None:
        st.caption("This run is being measured. What is shown is what it has so far.")
        return
    st.caption(
        f"{plain(host_line(head.host))} · {plain(report.ENDINGS.get(head.stopped, ''))} "
        f"{many(head.rounds, 'round')}{spent}"
    )


def host_line(host: Facts) -> str:
    """Return a host in a line: name, CPU, how much of it."""
    parts = [host.get("name"), host.get("cpu")]
    if host.get("allowed_cpus"):
        parts.append(many(host["allowed_cpus"], "CPU"))
    parts += host.get("gpus", ())
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


def choose_case(rows: Sequence[Result]) -> Facts:
    """Let somebody choose among the run's cases; what has one value only is not asked."""
    chosen = {}
    with st.container(horizontal=True):
        for field, (label, key) in FIELDS.items():
            options = sorted({getattr(row, field) for row in rows}, reverse=field == "scope")
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


# --- the answer


def draw_noise(run: Run) -> None:
    noise = run.noise
    if noise.noisy:
        text = f"{noise.disturbed_slices:,} of {noise.slices:,} slices were disturbed and left out. "
        text += plain(" ".join(noise.reasons[:1]))
        if len(noise.reasons) > 1:
            text += f" {many(len(noise.reasons) - 1, 'more reason')} under “Host and evidence”."
        st.warning(text, title="Noisy", icon=":material/graphic_eq:")
    elif noise.noisy is None:
        st.info(plain(" ".join(noise.reasons)), icon=":material/info:")


def draw_failures(run: Run) -> None:
    if not (absent := report.not_measured(run)):
        return
    with st.expander(f"Not measured, and why: {len(absent)}", icon=":material/error:"):
        for text in absent:
            st.markdown(f"- {plain(text)}")


def draw_downloads(listed: runs.Listed, run: Run) -> None:
    def whole() -> str:
        if not run.has_samples:
            return json.dumps(to_json(run), ensure_ascii=False)
        return json.dumps(transfer.whole(runs.record(open_store(), listed.id)), ensure_ascii=False)

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
                file_name=f"{listed.id}.{kind}",
                mime=mime,
                on_click="ignore",
                key=f"download_{kind}",
                icon=":material/download:",
                help=about,
            )
        st.page_link(
            "pages/compare.py",
            label="Compare with another run",
            query_params={"runs": [listed.id]},
            icon=":material/compare_arrows:",
        )
