"""What answers cost: measured throughput, a price that you set, and Infinity's licence. Measures nothing."""

from src.ui.pages import cost
from src.ui.shell import page_setup

page_setup("Cost", wide=True)
cost.draw()
