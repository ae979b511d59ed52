"""The home page: type a sentence, see every stock engine's latency beside Infinity's stored numbers."""

from src.ui.pages import sentence
from src.ui.shell import page_setup

page_setup("Type a sentence")
sentence.draw()
