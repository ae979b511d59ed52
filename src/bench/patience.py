"""How long a run waits for a quiet host, and what for."""

import time
from dataclasses import dataclass

from src.bench.observer import Observer
from src.bench.record import Record
from src.host import evidence
from src.host.evidence import Watch
from src.progress import Progress

APART_LOOK_S = 0.05
SETTLE_S, SETTLE_LOOK_S = 0.06, 0.004  # before a slice, for a neighbour on a CPU's physical core to leave


@dataclass
class Patience:
    """The waiting of one run: at most about `most_s`. `waited_s` is how long it has waited so far."""

    watch: Watch
    record: Record
    most_s: float
    observer: Observer
    waited_s: float = 0.0

    def quiet(self, kinds: tuple[str, ...], deadline: float) -> bool:
        """Wait until what disturbed a slice is over, as long as patience and the time until `deadline`
        (monotonic seconds) last; tell whether it is.
        """
        told = False
        while not self.observer.stopped():
            began = time.monotonic()
            reason = self.disturbance(kinds)
            self.waited_s += time.monotonic() - began
            if not reason:
                return True
            if not told:
                self.observer.progress(Progress("noise", f"Waiting for a quiet host: {reason}"))
                told = True
            if self.waited_s > self.most_s or time.monotonic() > deadline:
                return False
        return False

    def disturbance(self, kinds: tuple[str, ...]) -> str:
        """Look at the host for a moment; return what still disturbs it, of these kinds."""
        if kinds == ("slowed",):
            return ""  # it comes and goes within milliseconds: `settle` deals with it
        if set(kinds) <= {"slowed", "apart"}:
            time.sleep(APART_LOOK_S)
            apart = "apart" in evidence.slowdowns(self.watch.speed_now(), self.record.reference)
            return "the hypervisor has placed the CPUs far apart" if apart else ""
        others, stolen = self.watch.others_now()
        busy = others > evidence.OTHERS_LIMIT_CORES
        steals = stolen > evidence.STEAL_LIMIT_CORES * len(self.watch.cpus)
        return f"others use {others:.1f} cores, the hypervisor took {stolen:.1f}" if busy or steals else ""

    def settle(self) -> None:
        """Wait a moment for a neighbour to leave the CPUs' cores, where that is likely to help."""
        began = time.monotonic()
        while "slowed" in evidence.slowdowns(self.watch.speed_now(), self.record.reference):
            if time.monotonic() - began > SETTLE_S:
                break
            time.sleep(SETTLE_LOOK_S)
        self.waited_s += time.monotonic() - began
