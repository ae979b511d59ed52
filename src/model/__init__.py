"""What is run: the checkpoint, its artifacts and their cache."""


class ModelError(Exception):
    """The model cannot be used. The message names what is wrong and the next step."""
