"""Are we there yet? A stored run beside Infinity's numbers and the write-up's tables. Measures nothing."""

from src.ui.pages import verdict
from src.ui.shell import page_setup

page_setup("Verdict", wide=True)
verdict.draw()
