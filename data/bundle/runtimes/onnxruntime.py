def load(settings):
    """Return what answers by ONNX Runtime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings["threads"]
    options.inter_op_num_threads = 1
    for key, value in settings["session"].items():
        options.add_session_config_entry(key, value)
    session = onnxruntime.InferenceSession(str(HERE / "model.onnx"), options, ["CPUExecutionProvider"])
    outputs = [session.get_outputs()[0].name]

    def logits(ids, mask, types):
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        return session.run(outputs, given)[0]

    return logits
