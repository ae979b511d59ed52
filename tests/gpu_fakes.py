"""Engines that say they run on a GPU: AWIY_EXTRA_ENGINES=tests.gpu_fakes:ENGINES."""

import time

from tests.fakes import Plausible, row


class Waiting(Plausible):
    """Launches for a millisecond, and waits for work that 1,024 times the tokens make eight times as long."""

    def infer(self, input_ids, *others):
        time.sleep(0.001 + 0.007 * input_ids.size / (32 * 512))
        return super().infer(input_ids, *others)


class Launching(Plausible):
    """Comes back once the work is launched."""

    def infer(self, *inputs):
        time.sleep(0.001)
        return super().infer(*inputs)


ENGINES = (row("gpu", Waiting, device="cuda"), row("gpu-launching", Launching, device="cuda"))
