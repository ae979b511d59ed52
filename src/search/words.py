"""What a search says, in words."""

from src.bench.field import Objective
from src.bench.race import Finalist
from src.figures.run import ratio_text
from src.search.answer import Proposal
from src.search.asked import Asked
from src.search.state import Search
from src.stats import MEDIAN
from src.words import duration, many, significant


def objective_title(lengths: Objective) -> str:
    """Return an objective in words."""
    if len(lengths) == 1:
        return f"{lengths[0]} tokens"
    *others, last = map(str, lengths)
    return f"{', '.join(others)} and {last} tokens together"


def words_of_texts(asked: Asked) -> str:
    """Return what the lengths of a search stand for; "" where they were asked for."""
    if not asked.shares:
        return ""
    pairs = zip(asked.lengths, asked.shares, strict=True)
    told = ", ".join(f"{length} tokens for {share:.0%}" for length, share in pairs)
    return f"The lengths stand for shares of {asked.texts}: {told}. Its figure is the mean latency of a text."


def extent(search: Search) -> str:
    """Return how much a search looked at so far, and in what time."""
    passed = sum(one.passes for one in search.screened)
    screened = many(len(search.screened), "configuration")
    spent = duration(search.spent_s)
    return f"{screened} screened, {passed} passed, {len(search.raced)} raced, in {spent}"


def not_confirmed(lengths: Objective) -> str:
    """Return what is said of an objective without an answer."""
    title = objective_title(lengths)
    return f"Nothing is confirmed for {title}: too few rounds counted in the time there was."


def ratio_words(proposal: Proposal, finalist: Finalist) -> str:
    """Return a finalist's ratio to the fastest, with its interval; of the fastest itself there is none."""
    if finalist is proposal.finalists[0]:
        return "1"
    text = ratio_text(finalist.ratio, finalist.ci95)
    return text if finalist.ci95 else f"{text} (too few rounds)"


def figure_title(percentile: int) -> str:
    """Return what a finalist's figure is called, over a column."""
    return "Median, ms" if percentile == MEDIAN else f"p{percentile} at most, ms"


def figure_words(proposal: Proposal, finalist: Finalist) -> str:
    """Return a finalist's figure in milliseconds: of a high percentile what it is at most, as that alone is
    sure.
    """
    if proposal.percentile == MEDIAN:
        return significant(finalist.figure)
    return significant(finalist.at_most) if finalist.at_most else "too few calls"


def told_with_figure(proposal: Proposal, finalist: Finalist) -> str:
    if proposal.percentile == MEDIAN:
        return f"{finalist.name} in {significant(finalist.figure)} ms"
    if not finalist.at_most:
        return f"{finalist.name} (too few calls to say what its p{proposal.percentile} is at most)"
    return f"{finalist.name} with a p{proposal.percentile} of at most {significant(finalist.at_most)} ms"


def sentence(proposal: Proposal) -> str:
    """Return the answer for one objective."""
    first, proposed = proposal.finalists[0], proposal.proposed
    others = len(proposal.ties) - 1
    told = told_with_figure(proposal, proposed)
    if not others:
        return f"{told} is the fastest: all others are slower."
    rest = "one other" if others == 1 else f"{others} others"
    if proposed is first and (little_known := sum(tie.open for tie in proposal.ties)):
        whom = "it" if others == 1 else f"{little_known} of them"
        return (
            f"{told} is proposed: it is the fastest. Not told apart is {rest}; too little is known of {whom}."
        )
    if proposed is first:
        return f"{told} is proposed: it is the fastest and the simplest of what is not told apart, {rest}."
    best = told_with_figure(proposal, first)
    return f"{told} is proposed, as the simplest. The fastest was {best}; it is not told apart from {rest}."
