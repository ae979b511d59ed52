"""The folder that a search hands over: model, tokenizer, settings, plain code, self-check and evidence."""
