"""Every engine: can it run here, why not, what it runs and what to know of it."""

import streamlit as st

from src import environments
from src.engines import registry
from src.model import ModelError, source
from src.store import runs
from src.ui import engine_card, gates
from src.ui.commands import draw_command
from src.ui.format import plain
from src.ui.shell import explained, the_store
from src.words import many, moment

STATES = ("All", "Available", "Missing")


def draw() -> None:
    """Draw the page."""
    st.title("Engines")
    specs = [spec for spec in registry.all_engines() if spec.answers]
    missing = {spec.id: registry.availability(spec) for spec in specs}
    here = [spec for spec in specs if not missing[spec.id]]
    st.markdown(
        f"**{len(here)} of {len(specs)} engines can run on this host.** The others stay listed, with the "
        "reason and what to do."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        shown = st.segmented_control(
            "Show", STATES, default="All", required=True, key="state", bind="query-params"
        )
        groups = list(dict.fromkeys(engine_card.group(spec) for spec in specs))
        wanted = st.pills(
            "Runtimes",
            groups,
            selection_mode="multi",
            key="runtime",
            bind="query-params",
            help="None chosen: all",
        )
    model = None
    with explained():
        try:
            model = source.parse()
        except ModelError as error:
            st.error(plain(str(error)), icon=":material/error:")
    said = gates.stated(model.name) if model else {}
    loaded = runs.latest_loaded(the_store())
    for heading in wanted or groups:
        cards = [
            spec
            for spec in specs
            if engine_card.group(spec) == heading
            and (shown == "All" or (missing[spec.id] is None) == (shown == "Available"))
        ]
        if not cards:
            continue
        st.subheader(heading, divider="gray")
        columns = st.columns(2)
        for number, spec in enumerate(cards):
            with columns[number % 2]:
                engine_card.draw(spec, missing[spec.id], model, loaded.get(spec.id), said.get(spec.id))
    draw_environments()


def draw_environments() -> None:
    """Draw the isolated environments: which are there, and how to make or remove each."""
    st.subheader("Environments", divider="gray")
    st.caption("Engines whose libraries cannot live beside the others have an environment of their own.")
    for environment in environments.ENVIRONMENTS:
        with st.container(border=True):
            trouble = environments.trouble(environment.name)
            manifest = environments.manifest(environment.name)
            st.markdown(f"#### {environment.name}\n{engine_card.badge(not trouble)}")
            pythons = " or ".join(environment.pythons)
            st.markdown(
                f"{plain(environment.title)}. It takes up to {environment.needs_gb:g} GB and Python "
                f"{pythons}."
            )
            if trouble:
                st.markdown(f"**Why not:** {plain(trouble.reason)}")
                draw_command("The command that makes it", f"make {environment.name}")
            else:
                versions = many(len(manifest["versions"]), "package")
                origin = f"Made on {moment(manifest['created'])} with Python {manifest['python']}, {versions}"
                st.caption(origin)
                label = "The command that removes it, and gives its space back"
                draw_command(label, f"python -m src envs remove {environment.name}")
