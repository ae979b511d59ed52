"""The app's one measuring process, and waiting for it."""

import atexit

import streamlit as st

from src.limits import public
from src.live.client import Client, Ticket
from src.ui.format import plain


@st.cache_resource(show_spinner=False)
def measurer() -> Client:
    """Return the app's one measuring process, shared by all sessions; it ends with the app."""
    client = Client()
    atexit.register(client.close)
    return client


def wait(ticket: Ticket) -> None:
    """Wait for an answer and draw what is going on. A ticket whose page is left is withdrawn.

    Redrawing each second also notices that nobody looks any more.
    """
    place = st.empty()
    try:
        while not ticket.done:
            with place.container():
                draw_waiting(ticket)
            ticket.wait(2.0 if ticket.ahead else 1.0)
    finally:
        if not ticket.done:
            measurer().forget(ticket)
    place.empty()


def draw_waiting(ticket: Ticket) -> None:
    """Draw how far a question to the measuring process is."""
    if ticket.ahead:
        people = "1 sentence is" if ticket.ahead == 1 else f"{ticket.ahead} sentences are"
        st.progress(0.0, text=f"Waiting: {people} measured before yours, one at a time.")
    elif ticket.progress is None:
        st.progress(0.0, text="Starting the measuring process …")
    else:
        step = ticket.progress
        count = f" ({step['done']} of {step['total']})" if step["total"] else ""
        share = step["done"] / step["total"] if step["total"] else 0.0
        st.progress(share, text=f"{plain(public(step['text']))}{count} …")
        if step["stage"] == "build":
            st.caption("The first start builds each engine's files once. That takes one to two minutes.")
