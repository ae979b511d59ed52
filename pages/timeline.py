"""The timeline page: one runtime through its releases on this host."""

from src.ui.pages import timeline
from src.ui.shell import page_setup

page_setup("Timeline", wide=True)
timeline.draw()
