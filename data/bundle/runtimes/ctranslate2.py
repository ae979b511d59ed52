def load(settings):
    """Return what answers by CTranslate2 on the CPU. It ends at the pooler; the two-label head is here."""
    import ctranslate2

    encoder = ctranslate2.Encoder(
        str(HERE),
        device="cpu",
        compute_type=settings["compute_type"],
        intra_threads=settings["threads"],
        inter_threads=1,
    )
    with np.load(HERE / "head.npz") as head:
        weight, bias = head["weight"].T.copy(), head["bias"]
    view = ctranslate2.StorageView.from_array

    def logits(ids, mask, types):
        lengths = mask.sum(axis=1, dtype=np.int32)
        output = encoder.forward_batch(view(ids.astype(np.int32)), view(lengths), types.tolist())
        return np.asarray(output.pooler_output) @ weight + bias

    return logits
