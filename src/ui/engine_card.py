"""One engine as a card: can it run here, what it runs, what to know of it."""

from typing import Any

import pandas as pd
import streamlit as st

from src.accuracy.known_accuracy import Known
from src.bench.events import Loaded
from src.engines import registry
from src.engines.spec import EngineSpec, Missing
from src.facts import Facts
from src.limits import limits
from src.model import ModelError, cache, recipe
from src.model.source import ModelSource
from src.ui import gates
from src.ui.format import plain
from src.ui.measuring import measurer, wait
from src.words import moment, significant

COMMAND = "Run: "  # how a remedy begins that is one
PRECISIONS = {"fp32": "FP32", "fp16": "FP16", "bf16": "BF16", "int8": "INT8", "none": "no precision"}
# Facts of a runtime that people look for, in this order; the others follow in the table of all.
VERSIONS = (
    *("torch", "ipex", "zentorch", "torchao", "onnxruntime", "openvino", "ctranslate2", "transformers"),
    "python",
)


def draw(
    spec: EngineSpec,
    missing: Missing | None,
    model: ModelSource | None,
    latest: tuple[str, Loaded] | None,
    said: Known | None,
) -> None:
    """Draw one engine. `latest` is what it told when it last ran here, with the run's id, `said` what was
    said of its accuracy.
    """
    with st.container(border=True, key=f"card {spec.id}", gap="small"):
        badges = f"{badge(not missing)} :gray-badge[{PRECISIONS[spec.precision]}]"
        if spec.device != "cpu":
            badges += f" :gray-badge[{spec.device.upper()}]"
        if spec.environment != "main":
            badges += f" :blue-badge[environment {spec.environment}]"
        badges += gates.badge(said)
        st.markdown(f"**{plain(spec.title)}** {badges}")
        st.caption(f"**{plain(spec.id)}** · {plain(' '.join(registry.notes(spec)))}")
        if missing:
            draw_missing(missing)
        elif spec.recipe and model:
            draw_artifact(spec, model)
        if latest:
            draw_facts(*latest)


def group(spec: EngineSpec) -> str:
    """Return the heading that an engine stands under: its runtime, the stack of 2021, or the GPU."""
    if spec.device != "cpu":
        return "On a GPU"
    if spec.environment == "2021":
        return "The stack of 2021"
    first = next(engine for engine in registry.all_engines() if engine.runtime == spec.runtime)
    return first.title.rpartition(" ")[0]


def badge(available: bool) -> str:
    """Return the mark of what can be used here, or cannot."""
    state = ("green", "check: available") if available else ("orange", "block: missing")
    return f":{state[0]}-badge[:material/{state[1]}]"


def draw_missing(missing: Missing) -> None:
    """Say why an engine cannot run here, with what mends it."""
    text, prefix, command = missing.remedy.partition(COMMAND)
    todo = f"Run `{command}`" if prefix else plain(text)
    st.markdown(f"**Why not:** {plain(missing.reason)}\n\n**What to do:** {todo}")


def draw_artifact(spec: EngineSpec, model: ModelSource) -> None:
    """Say what the engine loads, and offer to build it."""
    assert spec.recipe
    try:
        artifact_recipe = recipe.find(spec.recipe)
        artifact = cache.find(artifact_recipe, model)
    except ModelError as error:
        st.caption(plain(str(error)))
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if artifact:
            files = artifact.manifest["files"]
            size = sum(entry["bytes"] for entry in files.values()) / 1e6
            largest = max(files.values(), key=lambda entry: entry["bytes"])
            st.caption(
                f"**{plain(artifact_recipe.title)}**, {significant(size)} MB, built in "
                f"{significant(artifact.manifest['build_s'], 2)} s on "
                f"{moment(artifact.manifest['created'])}, SHA-256 {largest['sha256'][:12]}…",
                width="stretch",
            )
        else:
            st.caption(
                f"**{plain(artifact_recipe.title)}** is not built yet. The first measurement does that.",
                width="stretch",
            )
        clicked = limits().changes and st.button(
            "Build again" if artifact else "Build now",
            key=f"build {spec.id}",
            type="tertiary",
            icon=":material/construction:",
            help="In a process of its own; measurements wait meanwhile.",
        )
    if clicked:
        build(spec, bool(artifact))


def build(spec: EngineSpec, anew: bool) -> None:
    """Have the measuring process build one engine's artifact, and wait for it."""
    ticket = measurer().build(spec.id, anew)
    wait(ticket)
    if ticket.error:
        st.error(plain(ticket.error), icon=":material/error:")
    else:
        st.toast(f"{spec.title} is built.", icon=":material/check:")
        st.rerun()


def draw_facts(run_id: str, loaded: Loaded) -> None:
    """Show what the engine told of itself in its latest run here, the versions first."""
    facts = loaded.facts
    versions = [f"{name} {str(facts[name]).split('-')[0]}" for name in VERSIONS if name in facts]
    with st.expander(plain(f"What ran: {' · '.join(versions)}"), icon=":material/fact_check:"):
        rows = {
            "Run": run_id,
            "Loaded in": f"{significant(loaded.load_s)} s",
            "Memory after loading": f"{loaded.pss_mb:.0f} MB (PSS)" if loaded.pss_mb else None,
            **{readable(name): fact_text(value) for name, value in flat(facts).items()},
        }
        kept = {name: plain(str(value)) for name, value in rows.items() if value not in (None, "")}
        st.table(pd.DataFrame({"Fact": kept.keys(), "Value": kept.values()}).set_index("Fact"), alt="Facts")


def flat(facts: Facts) -> Facts:
    """Return facts with those of the artifact lifted to the top, under names that say so."""
    built = facts.get("built") or {}
    return {
        **{name: value for name, value in facts.items() if name not in (*VERSIONS, "built")},
        **{f"artifact {name}": value for name, value in (built.get("facts") or {}).items()},
        **{f"artifact {name}": entry["sha256"] for name, entry in (built.get("files") or {}).items()},
    }


def readable(name: str) -> str:
    return name.replace("_", " ").capitalize()


def fact_text(value: Any) -> str:
    """Return a fact as text: counts as `Attention 6, MatMul 20`."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {fact_text(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(fact_text(part) for part in value)
    if isinstance(value, float):
        return significant(value)
    return str(value)
