"""Tables. Each takes plain data and returns a frame of text, ready for st.table."""

from typing import Any

import pandas as pd

from src.engines import registry
from src.engines.spec import EngineSpec
from src.ui.format import interval, plain, significant, times


def latencies(
    rows: list[dict[str, Any]], stored: dict[str, Any] | None, below_gate: dict[str, float]
) -> pd.DataFrame:
    """Return a row an engine: answer, both scopes with intervals, ratio to the best and to the stored number.

    `stored` is the reference of the sentence's own length, or None: then nothing is divided. `below_gate` has
    the engines whose accuracy on SST-2 is below 99 % of FP32's, with that share.
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
        line["Answer"] = answer_text(row, below_gate.get(row["engine"]))
        table.append(line)
    return pd.DataFrame(table).set_index("Engine")


def scope_text(cell: dict[str, Any]) -> str:
    return f"**{significant(cell['median_ms'])}** ({interval(*cell['ci95_ms'])})"


def answer_text(row: dict[str, Any], share: float | None) -> str:
    """Return label, confidence and logit difference, with badges for another label and for low accuracy."""
    confidence = row["probability"] if row["label"] == "positive" else 1 - row["probability"]
    text = f"{row['label']} {confidence:.1%}"
    if row["max_abs_delta_logit"] is not None:
        text += f", Δ {row['max_abs_delta_logit']:.2g}"
    if row["agrees"] is False:
        text += " :red-badge[other label]"
    if share is not None:
        text += f" :orange-badge[accuracy {share:.1%} of FP32]"
    return text


def missing(specs: list[tuple[EngineSpec, Any]]) -> pd.DataFrame:
    """Return a row an engine that cannot run here, with its reason and remedy."""
    return pd.DataFrame(
        [
            {"Engine": spec.title, "Why": plain(why.reason), "What to do": plain(why.remedy)}
            for spec, why in specs
        ]
    ).set_index("Engine")
