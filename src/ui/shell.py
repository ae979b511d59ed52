"""The frame of every page: `page_setup` is each page's first statement."""

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import streamlit as st

from src.errors import Explained
from src.home import HomeError
from src.jobs.supervisor import Supervisor
from src.limits import OUT_OF_ORDER, hosted, told
from src.store.database import Store, StoreError, open_store
from src.ui.format import plain

PRODUCT = "Are We Infinity Yet?"
PAGES = (
    ("app.py", "Type a sentence", ":material/keyboard:"),
    ("pages/benchmark.py", "Benchmark", ":material/speed:"),
    ("pages/verdict.py", "Verdict", ":material/gavel:"),
    ("pages/accuracy.py", "Accuracy", ":material/target:"),
    ("pages/cost.py", "Cost", ":material/payments:"),
    ("pages/timeline.py", "Timeline", ":material/timeline:"),
    ("pages/find.py", "Find", ":material/manage_search:"),
    ("pages/history.py", "History", ":material/history:"),
    ("pages/compare.py", "Compare", ":material/compare_arrows:"),
    ("pages/engines.py", "Engines", ":material/memory:"),
    ("pages/methodology.py", "Methodology", ":material/menu_book:"),
)
ICON = Path(__file__).parent / "icon.png"

log = logging.getLogger(__name__)


def page_setup(title: str, wide: bool = False) -> None:
    """Set the page's title, icon and width; draw the sidebar; let in who may come in."""
    st.set_page_config(
        page_title=f"{title} · {PRODUCT}",
        page_icon=str(ICON),  # a named icon would be asked of a host on the internet
        layout="wide" if wide else "centered",
    )
    if hosted():
        st.set_option("client.showErrorDetails", "none")
    gate()
    with st.sidebar:
        st.markdown(f"**{PRODUCT}**")
        for path, label, icon in PAGES:
            st.page_link(path, label=label, icon=icon)
        if user():
            st.caption(f"Signed in as {plain(user() or '')}")
            st.button("Sign out", on_click=st.logout, key="sign_out")
    supervisor()


def gate() -> None:
    """Where sign-in is set up (Streamlit's own, secrets.toml), stop who has not signed in."""
    if getattr(st.user, "is_logged_in", True):
        return
    st.title(PRODUCT)
    st.info("Sign in to measure and to see the runs.", icon=":material/lock:")
    st.button("Sign in", on_click=st.login, key="sign_in", icon=":material/login:")
    st.stop()


def user() -> str | None:
    """Return who is signed in: the address if its provider has verified it, else the provider's own name for
    them, with the provider; None where nobody need be.
    """
    if not getattr(st.user, "is_logged_in", False):
        return None
    claims = {name: getattr(st.user, name, None) for name in ("email", "email_verified", "sub", "iss")}
    if claims["email"] and claims["email_verified"] is True:
        return str(claims["email"])
    return f"{claims['sub']} at {claims['iss']}" if claims["sub"] else None


@st.cache_resource(show_spinner=False)
def supervisor() -> Supervisor:
    """Return the app's one supervisor, which starts the jobs in the queue."""
    the_supervisor = Supervisor()
    the_supervisor.start()
    # Streamlit collects all garbage after each run of a script or fragment. Walking every module took a tenth
    # of a second here, on the host that is measured: what is there by now stays, and is not walked again.
    gc.collect()
    gc.freeze()
    return the_supervisor


def show_error(error: Exception) -> None:
    """Show an error that says what to do next; not the machine's own troubles in the hosted demo."""
    message = told(error)
    st.error(message if message == OUT_OF_ORDER else plain(message), icon=":material/error:")


@contextmanager
def explained() -> Iterator[None]:
    """Show the errors of a block that people can do something about."""
    try:
        yield
    except Explained as error:
        show_error(error)


def give_up(error: Exception) -> NoReturn:
    show_error(error)
    st.stop()


def the_store() -> Store:
    """Return the store, or show why there is none and end the page."""
    try:
        return open_store()
    except (StoreError, HomeError) as error:
        give_up(error)
