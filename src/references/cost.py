"""What answers cost: from measured throughput, an hourly price and a licence. Plain arithmetic on inputs that
whoever asks sets; nothing is assumed here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

HOURS_PER_YEAR = 8760.0  # 365 days, as the derived yearly prices of the references use
MILLION = 1e6


@dataclass(frozen=True)
class Offer:
    """One way to serve.

    `per_s` are the requests that one machine answers per second while it is busy all the time, `price_per_h`
    in USD what the machine costs, `licence_per_year` in USD what is paid on top for one machine.
    `utilisation` is the share of that capacity which real load uses, 0 to 1.
    """

    per_s: float
    price_per_h: float
    licence_per_year: float
    utilisation: float

    def __post_init__(self) -> None:
        if not (self.per_s > 0 and 0 < self.utilisation <= 1):
            raise ValueError("throughput must be above 0 and utilisation above 0 and at most 1")
        if self.price_per_h < 0 or self.licence_per_year < 0:
            raise ValueError("prices must not be negative")

    @property
    def machine_per_year(self) -> float:
        """USD that one machine costs in a year, licence included."""
        return self.price_per_h * HOURS_PER_YEAR + self.licence_per_year

    @property
    def requests_per_year(self) -> float:
        """Requests that one machine answers in a year at this utilisation."""
        return self.per_s * self.utilisation * HOURS_PER_YEAR * 3600

    @property
    def per_million(self) -> float:
        """USD for a million requests, when machines are as busy as `utilisation` says."""
        return MILLION * self.machine_per_year / self.requests_per_year

    def machines(self, requests_per_year: float) -> int:
        """Return how many whole machines a load needs, at least one."""
        return max(1, math.ceil(requests_per_year / self.requests_per_year))

    def per_year(self, requests_per_year: float) -> float:
        """Return USD a year for a load, in whole machines."""
        return self.machines(requests_per_year) * self.machine_per_year


def factor_to_pay(stock: Offer, licensed: Offer) -> float:
    """Return how many times more requests per second the licensed offer would have to answer, than it does,
    to cost the same per million as the stock one. Below 1 it is cheaper already.
    """
    return licensed.per_million / stock.per_million


def loads(lowest: float = 1e6, highest: float = 1e11, points: int = 121) -> list[float]:
    """Return requests per year, evenly spaced on a logarithmic axis."""
    step = (math.log10(highest) - math.log10(lowest)) / (points - 1)
    return [10 ** (math.log10(lowest) + step * number) for number in range(points)]
