"""What the package index offers of a runtime beside the releases that are here; installing some of them."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from src.bench import catalogue, making_apart
from src.bench.environment_space import VARIABLE, most_gb
from src.bench.plan import BadPlan
from src.bench.release_room import MAKING_S, room_for
from src.errors import Explained
from src.limits import limits, told
from src.progress import Progress
from src.releases import Release
from src.ui.format import plain
from src.ui.shell import explained
from src.ui.usual_time import usual_time
from src.words import duration, many, moment


def draw_offered(runtime: str, here: list[str]) -> None:
    """Tell what the package index offers beside what is here, as it answered last; a click asks it anew, and
    another installs what is chosen.
    """
    known = catalogue.kept(runtime)
    others = [offer.version for offer in known.offers if offer.version not in here] if known else []
    if known:
        st.caption(
            f"{many(len(here), 'release')} here; the package index offered {len(others)} more on "
            f"{moment(known.asked_at)[:10]}."
        )
    else:
        st.caption(f"{many(len(here), 'release')} here. What the package index offers was not asked yet.")
    if not limits().changes:
        return
    if others:
        draw_install(runtime, others)
    if st.button("Ask the package index", key="t_ask", icon=":material/cloud_sync:"):
        bar = st.progress(0.0, "Asking the package index")
        with explained():
            catalogue.ask(runtime, lambda step: show(bar, step))
            st.rerun()


def draw_install(runtime: str, others: list[str]) -> None:
    """Let somebody choose releases, tell what they take, and install them at a click."""
    chosen = st.multiselect(
        "Install more releases", others, key=f"t_install_{runtime}", placeholder="Choose what is not here yet"
    )
    if not chosen:
        return
    try:
        room = room_for(runtime, chosen)
    except BadPlan as error:
        st.warning(plain(told(error)), icon=":material/hard_drive:")
        return
    after_gb = room.taken_gb + room.needed_gb
    takes = (
        f"About {duration(room.seconds)} and {room.needed_gb:.1f} GB; releases take {room.taken_gb:.1f} of "
        f"at most {most_gb():g} GB now. Stay on this page meanwhile."
    )
    if after_gb > most_gb():
        takes += f" Those used longest ago go first; {VARIABLE} allows more."
    st.caption(takes)
    label = f"Install {many(len(chosen), 'release')}"
    if st.button(label, key=f"t_install_go_{runtime}", icon=":material/download:"):
        install(runtime, chosen)


def install(runtime: str, versions: list[str]) -> None:
    """Make these releases one after the other, telling how far it is; one that fails is told, the others go
    on. Draws the page again where all are there.
    """
    bar = st.progress(0.0, "Starting")
    failed = False
    for number, version in enumerate(versions):
        release = Release(runtime, version)
        text = f"{release.title} ({number + 1} of {len(versions)})"
        tell = usual_time(bar, text, MAKING_S, number, len(versions))
        try:
            making_apart.create_apart(release.name, tell)
        except Explained as error:
            failed = True
            st.error(f"{plain(release.title)} is left out: {plain(told(error))}", icon=":material/error:")
    bar.progress(1.0, "Done")
    if not failed:
        st.rerun()


def show(bar: DeltaGenerator, step: Progress) -> None:
    bar.progress(step.done / max(1, step.total), plain(step.text))
