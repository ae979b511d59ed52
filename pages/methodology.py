"""How it is measured, what the words mean, and what the numbers cannot tell: the document itself."""

from src.ui.pages import methodology
from src.ui.shell import page_setup

page_setup("Methodology")
methodology.draw()
