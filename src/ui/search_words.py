"""What a search says, in words."""

from src.bench.field import Objective
from src.search.answer import Proposal
from src.ui.format import significant


def objective_title(lengths: Objective) -> str:
    """Return an objective in words."""
    if len(lengths) == 1:
        return f"{lengths[0]} tokens"
    return f"{' and '.join(map(str, lengths))} tokens together"


def sentence(proposal: Proposal) -> str:
    """Return the answer for one objective."""
    first, proposed = proposal.finalists[0], proposal.proposed
    others = len(proposal.ties) - 1
    told = f"{proposed.name} in {significant(proposed.figure)} ms"
    if not others:
        return f"{told} is the fastest: all others are slower."
    rest = "one other" if others == 1 else f"{others} others"
    if proposed is first:
        return f"{told} is proposed: it is the fastest and the simplest of what is not told apart, {rest}."
    return (
        f"{told} is proposed, as the simplest. The fastest was {first.name} in "
        f"{significant(first.figure)} ms; it is not told apart from {rest}."
    )
