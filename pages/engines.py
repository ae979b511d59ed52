"""Every engine: can it run here, why not, what it runs and what to know of it."""

from src.ui.pages import engines
from src.ui.shell import page_setup

page_setup("Engines", wide=True)
engines.draw()
