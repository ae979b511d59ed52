"""Taking the answer of a search away: a folder that runs with nothing of ours, as a zip."""

import streamlit as st

from src.bundle import apart, licences
from src.bundle.apart import USUAL_S
from src.errors import Explained
from src.limits import hosted, told
from src.model import source
from src.search.answer import Proposal
from src.search.state import Search
from src.ui.commands import draw_command
from src.ui.format import plain
from src.ui.style import known
from src.ui.usual_time import usual_time

INTRODUCTION = (
    "One folder for another machine: the model file, the tokenizer, some fifty lines of plain code, pinned "
    "requirements, a Dockerfile, the evidence, and a check that tells there whether it answers as it did "
    "here, and how fast it is. Nothing of this project is needed to run it."
)

FROM_THE_HUB = "The licence of the model's weights is what its card on the hub says; NOTICE will have it."


def draw_bundle(search: Search, proposal: Proposal) -> None:
    """Offer a finalist as a bundle."""
    if hosted():
        return
    with st.expander("Take it away", icon=":material/inventory_2:"):
        st.markdown(INTRODUCTION)
        names = [finalist.name for finalist in proposal.finalists]
        engine = st.selectbox(
            "Configuration",
            names,
            index=names.index(proposal.simplest),
            format_func=lambda id: known(id).title + (" (proposed)" if id == proposal.simplest else ""),
            key="f_bundle_engine",
        )
        st.markdown(f":small[{plain(licence_of(search))}]")
        key = f"bundle {search.id} {proposal.lengths} {engine}"
        if st.button("Make the bundle", key="f_bundle", icon=":material/inventory_2:"):
            make(search, proposal, engine, key)
        if key in st.session_state:
            st.download_button(
                "Bundle (zip)",
                st.session_state[key],
                f"bundle-{search.id}.zip",
                "application/zip",
                key="f_bundle_zip",
                icon=":material/folder_zip:",
                on_click="ignore",
            )
        lengths = ",".join(map(str, proposal.lengths))
        draw_command(
            "The command that makes it",
            f"python -m src bundle {search.id} DIR --seq-len {lengths} --engine {engine}",
            key="f_bundle_command",
        )


def licence_of(search: Search) -> str:
    """Return what is said of the licence of a search's model; a page view asks no hub."""
    try:
        model = source.parse(search.asked.model or None)
    except Explained as error:
        return told(error)
    return FROM_THE_HUB if model.kind == "hub" else licences.of_model(model).told


def make(search: Search, proposal: Proposal, engine: str, key: str) -> None:
    """Make a bundle, telling that time passes, and keep it for the visitor under a key of the session."""
    bar = st.progress(0.0, "Starting")
    tell = usual_time(bar, "Loading the engine and checking its answers", USUAL_S)
    try:
        st.session_state[key] = apart.zipped(search.id, proposal.lengths, engine, tell)
    except Explained as error:
        st.error(plain(told(error)), icon=":material/error:")
    bar.empty()
