"""The history page: every kept run, found, opened, renamed, deleted; any engine's latency over time."""

from src.ui.pages import history
from src.ui.shell import page_setup

page_setup("History", wide=True)
history.draw()
