def load(settings):
    """Return what answers by TorchScript on the CPU."""
    import torch

    torch.set_num_threads(settings["threads"])
    torch.set_grad_enabled(False)
    module = torch.jit.load(str(HERE / "model.pt")).eval()

    def logits(ids, mask, types):
        with torch.inference_mode():
            return module(*map(torch.from_numpy, (ids, mask, types))).numpy()

    return logits
