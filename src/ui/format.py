"""How foreign text is written on a page."""

import html
import re

MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$:&])")
# What Streamlit changes even in escaped text: two hyphens to a dash, addresses to links. A word joiner in
# between stops it.
JOINED = re.compile(r"-(?=-)|:(?=//)|www(?=\.)|(?<=\w)(?=@\w)")
WORD_JOINER = "\u2060"


def plain(text: str) -> str:
    """Return text that Markdown shows as it is: nothing in it becomes markup, a link, an image or a dash."""
    joined = JOINED.sub(lambda match: match[0] + WORD_JOINER, " ".join(text.split()))
    return MARKDOWN.sub(r"\\\1", joined)


def unmarked(text: str) -> str:
    """Return text that plotly shows as it is: it takes tags, links among them, for its own markup."""
    return html.escape(text, quote=False)
