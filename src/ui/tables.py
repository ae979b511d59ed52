"""Tables. Each takes plain data and returns a frame, ready for st.table or st.dataframe."""

from typing import Any

import pandas as pd
import streamlit as st

from src.bench import known_accuracy
from src.bench.report import harmless
from src.engines import registry
from src.engines.spec import EngineSpec
from src.ui import gates
from src.ui.format import duration, interval, plain, significant, times


def latencies(rows: list[dict[str, Any]], stored: dict[str, Any] | None) -> pd.DataFrame:
    """Return a row an engine: answer, both scopes with intervals, ratio to the best and to the stored number.

    `stored` is the reference of the sentence's own length, or None: then nothing is divided.
    """
    best = rows[0]["pipeline"]["median_ms"]
    table = []
    for row in rows:
        line = {
            "Engine": registry.get(row["engine"]).title,
            "Pipeline, ms": scope_text(row["pipeline"]),
            "Model, ms": scope_text(row["model"]),
            "To best": times(row["pipeline"]["median_ms"] / best),
        }
        if stored:
            line["To Infinity"] = times(stored["ratios"][row["engine"]]["pipeline"])
        line["Answer"] = answer_text(row)
        table.append(line)
    return pd.DataFrame(table).set_index("Engine")


def scope_text(cell: dict[str, Any]) -> str:
    unsteady = "" if cell["steady"] else " :orange-badge[not steady]"
    return f"**{significant(cell['median_ms'])}** ({interval(*cell['ci95_ms'])}){unsteady}"


def answer_text(row: dict[str, Any]) -> str:
    """Return label, confidence and logit difference, with badges for another label and for low accuracy."""
    confidence = row["probability"] if row["label"] == "positive" else 1 - row["probability"]
    text = f"{row['label']} {confidence:.1%}"
    if row["max_abs_delta_logit"] is not None:
        text += f", Δ {row['max_abs_delta_logit']:.2g}"
    if row["agrees"] is False:
        text += " :red-badge[other label]"
    known = known_accuracy.from_json(row["accuracy"])
    return text + (gates.badge(known) if known else " :gray-badge[accuracy not known here]")


def missing(specs: list[tuple[EngineSpec, Any]]) -> pd.DataFrame:
    """Return a row an engine that cannot run here, with its reason and remedy."""
    return pd.DataFrame(
        [
            {"Engine": spec.title, "Why": plain(why.reason), "What to do": plain(why.remedy)}
            for spec, why in specs
        ]
    ).set_index("Engine")


def run_results(rows: list[dict[str, Any]], baseline: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the results of one case as a frame of numbers, and how st.dataframe shows its columns."""

    def line(row: dict[str, Any]) -> dict[str, Any]:
        low, high = row["median_ci95_ms"] or (None, None)
        ratio = row["ratios"].get(baseline) or {}
        ratio_low, ratio_high = ratio.get("ci95") or (None, None)
        answers = row["facts"].get("answers") or {}
        return {
            "Engine": row["facts"]["title"],
            "Median": row["median_ms"],
            "Low": low,
            "High": high,
            "Mean": row["mean_ms"],
            "p90": row["p90_ms"],
            "p95": row["p95_ms"],
            "p99": row["p99_ms"],
            "Per s": row["throughput_per_s"],
            "Ratio": 1.0 if row["engine"] == baseline else ratio.get("ratio"),
            "Ratio low": ratio_low,
            "Ratio high": ratio_high,
            "Compared": "baseline" if row["engine"] == baseline else ratio.get("verdict"),
            "Verdict": row["verdict"] or "not judged",
            "Agreement": answers.get("agreement"),
            "First call": row["first_call_ms"],
            "Cold call": row.get("switch_ms"),
            "Ramp": (row.get("ramp") or {}).get("ratio"),
            "Load, s": row["load_s"],
            "Peak RSS, MB": row["peak_rss_mb"],
            "Artifact, MB": row["artifact_mb"],
            "Threads": row["effective_threads"],
            "Samples": row["samples"],
            "Rounds": row["facts"].get("rounds"),
            "Disturbed": row["facts"].get("disturbed_slices"),
        }

    number = st.column_config.NumberColumn
    milliseconds = {
        name: number(f"{name}, ms", format="%.4g", help=about)
        for name, about in {
            "Median": "Of the round medians; lower is better",
            "Low": "95 % interval of the median, from round medians",
            "High": "95 % interval of the median, from round medians",
            "Mean": "Of all undisturbed calls",
            "p90": "Empty below 64 samples",
            "p95": "Empty below 130 samples",
            "p99": "Empty below 662 samples",
            "First call": "The first call with this shape after loading",
            "Cold call": "The first call after other engines ran, whose data were in the caches",
        }.items()
    }
    config = {
        "Engine": st.column_config.TextColumn(pinned=True),
        **milliseconds,
        "Per s": number(format="%.4g", help="Texts per second, derived from the mean; higher is better"),
        **{
            name: number(format="%.3f", help="Latency ÷ the baseline's in the same rounds; below 1 is faster")
            for name in ("Ratio", "Ratio low", "Ratio high")
        },
        "Compared": st.column_config.TextColumn(
            help="faster, slower, or tie where the interval touches 1 ± the noise floor"
        ),
        "Verdict": st.column_config.TextColumn(
            help="May this row be trusted? The reasons are below the table."
        ),
        "Agreement": number(
            format="percent",
            help="Same labels as PyTorch FP32 on the timed texts; accuracy is measured apart",
        ),
        **{name: number(format="%.3g") for name in ("Load, s", "Peak RSS, MB", "Artifact, MB")},
        "Threads": number(format="%.2f", help="CPU time ÷ wall time of the slices; a spinning thread counts"),
        "Ramp": number(
            format="%.3f", help="First third of a slice's calls ÷ its last third: 1 where it was steady"
        ),
        "Disturbed": number(help="Slices that were disturbed and left out"),
    }
    frame = pd.DataFrame([line(row) for row in rows])
    return frame.dropna(axis="columns", how="all"), config


def host_facts(run: dict[str, Any]) -> pd.DataFrame:
    """Return what a run says of its host, software and noise, one fact a line."""
    head, noise = run["run"], run["noise"]
    host = head["host"]
    time = head["time"] or {}
    facts = {
        "Host": host.get("name"),
        "CPU": host.get("cpu"),
        "CPUs that may be used": host.get("allowed_cpus"),
        "Physical cores": host.get("physical_cores"),
        "Instruction sets": ", ".join(host.get("isa", [])),
        "Caches": ", ".join(host.get("caches", [])),
        "Memory": f"{host['memory_gb']:g} GB" if host.get("memory_gb") else None,
        "Virtualisation": host.get("virtualisation"),
        "Governor, turbo": ", ".join(str(host[name]) for name in ("governor", "turbo") if host.get(name)),
        "System": host.get("system"),
        "Clock": host.get("clock"),
        "Libraries": ", ".join(f"{name} {version}" for name, version in host.get("libraries", {}).items()),
        "Commit": host.get("git_commit"),
        "Model": head["model"].get("name"),
        "Noise floor (A/A pair)": f"{100 * noise['noise_floor']:.1f} %" if noise["noise_floor"] else None,
        "Slices disturbed": f"{noise['disturbed_slices']:,} of {noise['slices']:,}"
        if noise["slices"]
        else None,
        "What disturbed them": " ".join(noise["reasons"]),
        "Time inside calls": f"{100 * time['calls_share']:.0f} %" if time.get("calls_share") else None,
        "Measurer's own CPU": f"{100 * time['measurer_cpu_cores']:.1f} % of a core"
        if time.get("measurer_cpu_cores") is not None
        else None,
        "Waited for a quiet host": duration(time["waited_s"]) if time.get("waited_s") is not None else None,
    }
    kept = {name: plain(str(value)) for name, value in facts.items() if value not in (None, "")}
    return pd.DataFrame({"Fact": kept.keys(), "Value": kept.values()}).set_index("Fact")


def csv_of(frame: pd.DataFrame) -> str:
    """Return a table as CSV, its index left out and nothing in it that a spreadsheet would compute."""
    return frame.map(harmless).rename(columns=harmless).to_csv(index=False)


def draw_downloads(frame: pd.DataFrame, name: str) -> None:
    """Offer a table as CSV and as Markdown; `name` is the file's, and makes the buttons' keys."""
    with st.container(horizontal=True):
        for kind, ending, text in (
            ("CSV", "csv", csv_of(frame)),
            ("Markdown", "md", frame.to_markdown(index=False)),
        ):
            st.download_button(
                kind,
                text,
                file_name=f"{name}.{ending}",
                on_click="ignore",
                key=f"{name} {ending}",
                icon=":material/download:",
            )
