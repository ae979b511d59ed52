"""Fake engines that mind whether they were stopped or rested: AWIY_EXTRA_ENGINES=tests.ramp_fakes:ENGINES."""

import math
import os
import signal
import time

from tests.fakes import Plausible, row


class Ramping(Plausible):
    """Computes for PLATEAU_S a call; longer after it was stopped, by HEIGHT at first and by less with each of
    CALLS calls. That it was stopped it knows from the signal that lets it go on: a moment without a CPU is
    no stop.
    """

    PLATEAU_S = 0.001
    HEIGHT, CALLS = 0.5, 5

    def load(self, artifact, threads):
        self.position = 0
        signal.signal(signal.SIGCONT, self.went_on)

    def went_on(self, *_):
        self.position = 0

    def share(self):
        return max(0.0, 1 - self.position / self.CALLS)

    def infer(self, *inputs):
        end = time.perf_counter() + self.PLATEAU_S * (1 + self.HEIGHT * self.share())
        self.position += 1
        answer = super().infer(*inputs)
        while time.perf_counter() < end:
            pass
        return answer


class Ramping20(Ramping):
    HEIGHT, CALLS = 0.2, 20


class Ramping100(Ramping):
    HEIGHT, CALLS = 0.3, 100


class RampingLittle(Ramping):
    HEIGHT, CALLS = 0.05, 20


class NeverSteady(Ramping):
    """Still gets faster, and by more than noise, when its lead-in has been as long as one may be."""

    HEIGHT = 2.0

    def share(self):
        return math.exp(-self.position / 150)


class FallingSteeply(Ramping):
    """Gets faster by far more than noise with each of the few calls that a sentence's visit has."""

    HEIGHT = 4.0

    def share(self):
        return math.exp(-self.position / 40)


class CrashingWhenPaced(Plausible):
    """Ends its process in the first call after a rest in which it was not stopped."""

    REST_S = 0.3

    def load(self, artifact, threads):
        self.last = self.continued = time.monotonic()
        signal.signal(signal.SIGCONT, self.went_on)

    def went_on(self, *_):
        self.continued = time.monotonic()

    def infer(self, *inputs):
        now = time.monotonic()
        if now - self.last > self.REST_S and self.continued < self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.0005)
        self.last = time.monotonic()
        return super().infer(*inputs)


class Counted(Plausible):
    """Knows how many of its processes there were before in one home."""

    def load(self, artifact, threads):
        with open(os.path.join(os.environ["AWIY_HOME"], type(self).__name__), "a+") as processes:
            self.number = processes.tell()
            processes.write("x")


class SlowerEachTime(Counted):
    """Each of its processes is a tenth slower than the one before."""

    def infer(self, *inputs):
        time.sleep(0.005 * 1.1**self.number)
        return super().infer(*inputs)


class AnotherEachTime(Counted):
    """Each of its processes answers otherwise."""

    def infer(self, *inputs):
        time.sleep(0.002)
        return super().infer(*inputs) * (1 + self.number)


ENGINES = (
    row("ramp-5", Ramping),
    row("ramp-20", Ramping20),
    row("ramp-100", Ramping100),
    row("ramp-little", RampingLittle),
    row("never-steady", NeverSteady),
    row("falls-steeply", FallingSteeply),
    row("slower-each-time", SlowerEachTime),
    row("another-each-time", AnotherEachTime),
    row("crash-paced", CrashingWhenPaced),
)
