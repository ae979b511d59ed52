"""The find page: the fastest faithful configurations of this host."""

from src.ui.pages import find
from src.ui.shell import page_setup

page_setup("Find", wide=True)
find.draw()
