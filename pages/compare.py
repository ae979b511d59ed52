"""The compare page: one run as the base, others beside it, cell by cell; what differs about them first."""

from src.ui.pages import compare
from src.ui.shell import page_setup

page_setup("Compare", wide=True)
compare.draw()
