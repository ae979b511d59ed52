def load(settings):
    """Return what answers by PyTorch and Transformers on the CPU."""
    import torch
    from transformers import BertForSequenceClassification

    torch.set_num_threads(settings["threads"])
    torch.set_grad_enabled(False)
    model = BertForSequenceClassification.from_pretrained(
        str(HERE), attn_implementation="sdpa", dtype=getattr(torch, settings["dtype"]), local_files_only=True
    ).eval()

    def logits(ids, mask, types):
        with torch.inference_mode():
            ids, mask, types = map(torch.from_numpy, (ids, mask, types))
            output = model(input_ids=ids, attention_mask=mask, token_type_ids=types)
            return output.logits.float().numpy()

    return logits
