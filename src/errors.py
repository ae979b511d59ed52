"""What goes wrong and is told to whoever asked, in words that say what to do."""


class Explained(Exception):
    """Its message is for people. `for_strangers`: also for those who visit somebody else's machine."""

    for_strangers = True


class OfTheMachine(Explained):
    """One that only the machine's owner can mend: its message may name files, processes and versions."""

    for_strangers = False


def first_words(error: Exception) -> str:
    """Return the first line of an error's message that does not only announce the next one by a colon, with
    the announcement before it.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["no message"]
    telling = [number for number, line in enumerate(lines) if not line.endswith(":")]
    first = telling[0] if telling else len(lines) - 1
    return " ".join(lines[max(0, first - 1) : first + 1])
