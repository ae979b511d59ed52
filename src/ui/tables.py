"""Tables. Each takes plain data and returns a frame, ready for st.table or st.dataframe."""

from typing import Any

import pandas as pd
import streamlit as st

from src.bench.sentence_result import EngineResult, Latency, SentenceResult
from src.engines import registry
from src.engines.spec import EngineSpec
from src.facts import Facts
from src.figures.report import harmless
from src.figures.run import Result, Run
from src.references import BesideSentence
from src.ui import gates
from src.ui.format import plain
from src.words import duration, interval, significant, times


def latencies(answer: SentenceResult, stored: BesideSentence | None) -> pd.DataFrame:
    """Return a row an engine: answer, both scopes with intervals, ratio to the best and to the stored number.

    `stored` is the reference of the sentence's own length, or None: then nothing is divided.
    """
    engines = answer.fastest_first
    table = []
    for engine in engines:
        line = {
            "Engine": registry.get(engine.engine).title,
            "Pipeline, ms": latency_text(engine.pipeline),
            "Model, ms": latency_text(engine.model),
            "To best": times(engine.pipeline.median_ms / engines[0].pipeline.median_ms),
        }
        if stored:
            line["To Infinity"] = times(stored.ratios[engine.engine]["pipeline"])
        line["Answer"] = answer_text(engine)
        table.append(line)
    return pd.DataFrame(table).set_index("Engine")


def latency_text(latency: Latency) -> str:
    unsteady = "" if latency.steady else " :orange-badge[not steady]"
    return f"**{significant(latency.median_ms)}** ({interval(*latency.ci95_ms)}){unsteady}"


def answer_text(engine: EngineResult) -> str:
    """Return label, confidence and logit difference, with badges for another label and for low accuracy."""
    confidence = engine.probability if engine.label == "positive" else 1 - engine.probability
    text = f"{engine.label} {confidence:.1%}"
    if engine.max_abs_delta_logit is not None:
        text += f", Δ {engine.max_abs_delta_logit:.2g}"
    if engine.agrees is False:
        text += " :red-badge[other label]"
    known = engine.accuracy
    return text + (gates.badge(known) if known else " :gray-badge[accuracy not known here]")


def missing(specs: list[tuple[EngineSpec, Any]]) -> pd.DataFrame:
    """Return a row an engine that cannot run here, with its reason and remedy."""
    return pd.DataFrame(
        [
            {"Engine": spec.title, "Why": plain(why.reason), "What to do": plain(why.remedy)}
            for spec, why in specs
        ]
    ).set_index("Engine")


CERTIFIED = (
    "With 99 % confidence, as MLPerf certifies it, and with what calls of one slice have in common. "
    "Empty where too few calls tell"
)


def run_results(rows: list[Result], baseline: str) -> tuple[pd.DataFrame, Facts]:
    """Return the results of one case as a frame of numbers, and how st.dataframe shows its columns."""
    frame = pd.DataFrame([result_line(row, baseline) for row in rows])
    return frame.dropna(axis="columns", how="all"), result_columns()


def result_line(row: Result, baseline: str) -> Facts:
    """Return what the table has of one result."""
    low, high = row.median_ci95_ms or (None, None)
    ratio = row.ratios.get(baseline)
    ratio_low, ratio_high = (ratio and ratio.ci95) or (None, None)
    answers = row.facts.get("answers") or {}
    return {
        "Engine": row.title,
        "Median": row.median_ms,
        "Low": low,
        "High": high,
        "Mean": row.mean_ms,
        "p90": row.p90_ms,
        "p90 at most": row.p90_bound_ms,
        "p95": row.p95_ms,
        "p95 at most": row.p95_bound_ms,
        "p99": row.p99_ms,
        "p99 at most": row.p99_bound_ms,
        "Per s": row.throughput_per_s,
        "Ratio": 1.0 if row.engine == baseline else ratio and ratio.ratio,
        "Ratio low": ratio_low,
        "Ratio high": ratio_high,
        "Compared": "baseline" if row.engine == baseline else ratio and ratio.verdict,
        "Verdict": row.verdict or "not judged",
        "Agreement": answers.get("agreement"),
        "First call": row.first_call_ms,
        "Cold call": row.switch_ms,
        "Ramp": row.ramp and row.ramp.ratio,
        "Load, s": row.load_s,
        "Peak RSS, MB": row.peak_rss_mb,
        "Artifact, MB": row.artifact_mb,
        "Threads": row.effective_threads,
        "Samples": row.samples,
        "Rounds": row.facts.get("rounds"),
        "Disturbed": row.facts.get("disturbed_slices"),
    }


def result_columns() -> Facts:
    """Return how st.dataframe shows the columns of results."""
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
            **{f"p{rank} at most": CERTIFIED for rank in (90, 95, 99)},
            "First call": "The first call with this shape after loading",
            "Cold call": "The first call after other engines ran, whose data were in the caches",
        }.items()
    }
    return {
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


def host_facts(run: Run) -> pd.DataFrame:
    """Return what a run says of its host, software and noise, one fact a line."""
    head, noise = run.head, run.noise
    host = head.host
    time = head.time
    facts = {
        "Host": host.get("name"),
        "CPU": host.get("cpu"),
        "CPUs that may be used": host.get("allowed_cpus"),
        "GPU, driver": ", ".join([*host.get("gpus", ()), host.get("gpu_driver") or ""]).strip(", "),
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
        "Model": head.model.get("name"),
        "Noise floor (A/A pair)": f"{100 * noise.noise_floor:.1f} %" if noise.noise_floor else None,
        "Slices disturbed": f"{noise.disturbed_slices:,} of {noise.slices:,}" if noise.slices else None,
        "What disturbed them": " ".join(noise.reasons),
        "Time inside calls": f"{100 * time.calls_share:.0f} %" if time and time.calls_share else None,
        "Measurer's own CPU": f"{100 * time.measurer_cpu_cores:.1f} % of a core"
        if time and time.measurer_cpu_cores is not None
        else None,
        "Waited for a quiet host": duration(time.waited_s) if time else None,
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
