"""How an engine's answers agree with the accuracy baseline's."""


def shape_name(batch: int, length: int) -> str:
    """Return the name under which workers know the inputs of a shape."""
    return f"{batch}x{length}"


def compare(logits: list[list[float]], reference: list[list[float]]) -> dict[str, float]:
    """Return how logits [texts, 2] agree with the accuracy baseline's: {texts, agreement,
    max_abs_delta_logit}.
    """
    same = sum(
        (ours[0] > ours[1]) == (theirs[0] > theirs[1]) for ours, theirs in zip(logits, reference, strict=True)
    )
    delta = max(
        abs(a - b)
        for ours, theirs in zip(logits, reference, strict=True)
        for a, b in zip(ours, theirs, strict=True)
    )
    return {"texts": len(logits), "agreement": same / len(logits), "max_abs_delta_logit": delta}
