"""What goes wrong and is told to whoever asked, in words that say what to do."""


class Explained(Exception):
    """Its message is for people. `for_strangers`: also for those who visit somebody else's machine."""

    for_strangers = True


class OfTheMachine(Explained):
    """One that only the machine's owner can mend: its message may name files, processes and versions."""

    for_strangers = False
