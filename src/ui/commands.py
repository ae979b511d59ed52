"""Commands to copy."""

import streamlit as st


def draw_command(label: str, command: str) -> None:
    """Draw a command to copy, once it is asked for: what a browser loads to draw one takes it 0.4 s."""
    asked = st.expander(label, key=command, type="compact", on_change="rerun")
    if asked.open:
        asked.code(command, language=None)
