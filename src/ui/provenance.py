"""Where a number comes from: one click from the number itself."""

import streamlit as st

from src.figures.run import Result, Run
from src.references.beside import hardware
from src.references.reference import SCOPE_TITLES, STATISTICS, Reference
from src.references.verdict import Beside
from src.ui.format import plain
from src.ui.style import known
from src.words import interval, moment, ms

STATED = {"stated": "a typical latency named in prose", "mean": "mean", "median": "median"}


def draw_published(reference: Reference, printed: float | None = None) -> None:
    """Say everything that is known of a published number."""
    st.markdown(f"**{reference.value:g} ms**, published, not measured here")
    if printed is not None:
        st.markdown(
            f":orange-badge[corrected] The write-up's table prints {printed:g} here: two of its GPU cells "
            "are swapped. Its own result.csv has this value."
        )
    facts = {
        "Source": f"[{plain(reference.source)}]({reference.url})",
        "Published": reference.published.isoformat() if reference.published else "not known",
        "Engine": plain(reference.engine),
        "Model": plain(reference.model or "not named"),
        "Hardware": plain(reference.hardware or "not named"),
        "Threads": str(reference.threads or "not named"),
        "Batch, tokens": f"{reference.batch_size or '?'} × {reference.sequence_length or '?'}",
        "Scope": SCOPE_TITLES[reference.scope],
        "Statistic": STATED.get(reference.statistic, reference.statistic),
        "Pause between requests": f"{reference.pace_s:g} s" if reference.pace_s else "none mentioned",
    }
    assert reference.statistic in STATISTICS
    st.markdown("\n".join(f"- {name}: {value}" for name, value in facts.items()))
    if reference.note:
        st.caption(plain(reference.note))


def draw_measured(side: Beside, run: Run) -> None:
    """Say how a result came about, and why it may or may not be divided by the published number."""
    row = side.result
    assert row
    assert side.comparison
    head, host = run.head, run.head.host
    spread = f" (95 % interval {interval(*row.median_ci95_ms)})" if row.median_ci95_ms else ""
    st.markdown(f"**{ms(row.median_ms or 0.0)}**{spread}, measured in run `{head.id}`")
    facts = {
        "Engine": f"{plain(row.title)}, {versions(row)}",
        "Model": plain(head.model.get("name", "not named")),
        "Host": plain(f"{hardware(host, row.device) or 'not named'}, {host.get('system', '')}"),
        "Threads": str(row.threads),
        "Batch, tokens": f"{row.batch_size} × {row.sequence_length}",
        "Scope": SCOPE_TITLES[row.scope],
        "Statistic": f"median of {row.facts.get('rounds', '?')} round medians, {row.samples:,} calls",
        "When": f"{moment(head.started_at)} UTC",
        "Row's verdict": f"{row.verdict or 'not judged'} {plain(' '.join(row.reasons))}".strip(),
    }
    st.markdown("\n".join(f"- {name}: {value}" for name, value in facts.items()))
    if side.comparison.comparable:
        st.markdown("Divided by the published number, with these caveats:")
    else:
        st.markdown("Not divided by the published number:")
    for reason in side.comparison.blocking or side.comparison.caveats:
        st.markdown(f"- {plain(reason)}")
    st.page_link(
        "pages/benchmark.py",
        label="Open the run",
        icon=":material/speed:",
        query_params={"run": head.id, "r_scope": row.scope},
    )


def versions(row: Result) -> str:
    """Return a result's libraries with their versions."""
    names = ("torch", "ipex", "zentorch", "torchao", "onnxruntime", "openvino", "ctranslate2")
    libraries = [f"{name} {row.facts[name]}" for name in names if row.facts.get(name)]
    return plain(", ".join(libraries) or known(row.engine).runtime)
