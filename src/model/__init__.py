"""What is run: the checkpoint, its artifacts and their cache."""

from src.errors import OfTheMachine


class ModelError(OfTheMachine):
    """The model cannot be used. The message names what is wrong and the next step."""
