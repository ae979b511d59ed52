"""How it is measured, what the words mean, and what the numbers cannot tell: the document itself."""

import re

import streamlit as st

from src.home import ROOT

DOCUMENT = ROOT / "docs" / "methodology.md"


REPOSITORY_LINK = re.compile(r"\]\((?!https?:|#)([^)]+)\)")


@st.cache_data(show_spinner=False)
def document(changed: float) -> str:
    """Return the document as a page shows it: links to files of the repository become their names."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return REPOSITORY_LINK.sub(r"] (`\1`)", text)


def draw() -> None:
    """Draw the page."""
    st.markdown(document(DOCUMENT.stat().st_mtime))
