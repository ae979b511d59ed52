def load_tokenizer(most):
    """Return what makes token ids of a text, `most` at most."""
    from tokie import Tokenizer

    tokenizer = Tokenizer.from_json(str(HERE / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(most)
    return lambda text: tokenizer.encode(text).ids
