"""What speed costs in accuracy: each engine's answers beside PyTorch FP32's. Measures nothing."""

from src.ui.pages import accuracy
from src.ui.shell import page_setup

page_setup("Accuracy", wide=True)
accuracy.draw()
