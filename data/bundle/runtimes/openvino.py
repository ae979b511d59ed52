def load(settings):
    """Return what answers by OpenVINO on the CPU."""
    from functools import lru_cache

    import openvino

    core = openvino.Core()
    model = core.read_model(HERE / settings["file"])

    @lru_cache(maxsize=settings["lengths_kept"])
    def request(shape):  # compiling takes seconds: the first text of a length waits for it
        reshaped = model.clone()
        shape = openvino.PartialShape(list(shape))
        reshaped.reshape(dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), shape))
        return core.compile_model(reshaped, "CPU", settings["properties"]).create_infer_request()

    def logits(ids, mask, types):
        shape = ids.shape if settings["a_graph_a_length"] else (-1, -1)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        return request(shape).infer(given, share_inputs=True)[0]

    return logits
