"""An answer on a page: its sentence, what does not count in it, and what would settle it."""

import streamlit as st

from src.limits import hosted
from src.references.answer import Answer
from src.ui.answers import notes, remedy, sentence
from src.ui.commands import draw_command


def draw_spoken(answer: Answer, prefix: str = "") -> None:
    """Draw an answer as the headline of what is below it."""
    st.markdown(f"### {prefix}{sentence(answer)}")
    for line in notes(answer):
        st.caption(line)
    command = remedy(answer)
    if command and not hosted():
        key = f"{prefix}{sentence(answer)}"
        draw_command("What settles the accuracy, on sentences with labels", command, key)
