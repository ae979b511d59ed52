"""Commands to copy."""

import streamlit as st


def draw_command(label: str, command: str, key: str | None = None) -> None:
    """Draw a command to copy, once it is asked for: what a browser loads to draw one takes it 0.4 s. Two of
    the same command on one page need keys.
    """
    asked = st.expander(label, key=key or command, type="compact", on_change="rerun")
    if asked.open:
        asked.code(command, language=None)
