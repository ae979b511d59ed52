def load_tokenizer(most):
    """Return what makes token ids of a text, `most` at most."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(HERE / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=most)
    return lambda text: tokenizer.encode(text).ids
