"""What goes wrong and is told to whoever asked, in words that say what to do."""


class Explained(Exception):
    """Its message is for people. `for_strangers`: also for those who visit somebody else's machine."""

    for_strangers = True


class OfTheMachine(Explained):
    """One that only the machine's owner can mend: its message may name files, processes and versions."""

    for_strangers = False


def first_words(error: Exception) -> str:
    """Return the first line of an error's message; with the next where that only announces it by a colon."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no message"]
    return " ".join(lines[:2] if lines[0].endswith(":") else lines[:1])
