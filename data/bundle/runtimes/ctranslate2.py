def load(settings):
    """Return what answers by CTranslate2 on the CPU. It ends at the pooler; the two-label head is here."""
    from concurrent.futures import ThreadPoolExecutor

    import ctranslate2

    choices = {
        "compute_type": settings["compute_type"],
        "intra_threads": settings["threads"],
        "inter_threads": 1,
    }
    # Loading computes with OpenMP. Were it in this thread, its OpenMP threads would stay and count: with as
    # many threads as CPUs the engine's would sleep at each barrier, not spin (libgomp's GOMP_SPINCOUNT).
    with ThreadPoolExecutor(max_workers=1) as thread:
        encoder = thread.submit(ctranslate2.Encoder, str(HERE), device="cpu", **choices).result()
    with np.load(HERE / "head.npz") as head:
        weight, bias = head["weight"].T.copy(), head["bias"]
    view = ctranslate2.StorageView.from_array

    def logits(ids, mask, types):
        lengths = mask.sum(axis=1, dtype=np.int32)
        output = encoder.forward_batch(view(ids.astype(np.int32)), view(lengths), types.tolist())
        return np.asarray(output.pooler_output) @ weight + bias

    return logits
