"""From what was measured on single clips to figures with intervals, and to the bars that they are held to."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, median
from typing import Any

import numpy as np

RESAMPLES = 2000


class Kind(StrEnum):
    """How single measurements become one figure."""

    SHARE = "share"
    MEAN = "mean"
    MEDIAN = "median"


MIDDLE: dict[Kind, Callable[[Sequence[float]], float]] = {
    Kind.SHARE: fmean,
    Kind.MEAN: fmean,
    Kind.MEDIAN: median,
}


@dataclass(frozen=True)
class Bar:
    """What one measure of a part is held to; without a limit it is told and held to nothing."""

    measure: str
    kind: Kind = Kind.SHARE
    limit: float | None = None
    most: bool = False  # the limit is the most that is allowed, not the least
    unit: str = ""

    def met(self, value: float) -> bool:
        if self.limit is None:
            return True
        return value <= self.limit if self.most else value >= self.limit


@dataclass(frozen=True)
class Figure:
    """A measure over n clips, with its 95 % interval; no value where nothing was measured."""

    bar: Bar
    value: float | None
    low: float
    high: float
    n: int

    @property
    def short(self) -> float | None:
        """How much is missing to the bar; None where it is met or there is none. Nothing measured falls short."""
        if self.bar.limit is None:
            return None
        if self.value is None:
            return math.inf
        return None if self.bar.met(self.value) else abs(self.value - self.bar.limit)

    @property
    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "kind": self.bar.kind,
            "value": None if self.value is None else round(self.value, 4),
            "interval": [round(self.low, 4), round(self.high, 4)],
            "n": self.n,
            "bar": self.bar.limit,
            "met": self.short is None,
        }

    def told(self) -> str:
        """One line: figure, interval, n, and what is missing to the bar."""
        if self.value is None:
            line = f"{self.bar.measure}: nothing measured"
            return line if self.bar.limit is None else f"{line}   short of {self._bar}"
        interval = f"[{self._number(self.low)}, {self._number(self.high)}]"
        line = f"{self.bar.measure:<18} {self._number(self.value, unit=True):>9} {interval:<16} n {self.n}"
        if self.bar.limit is None:
            return line
        if self.short is None:
            return f"{line}   met: {self._bar}"
        points = " points" if self.bar.kind is Kind.SHARE else self.bar.unit
        return f"{line}   SHORT by {self._number(self.short)}{points}: {self._bar}"

    @property
    def _bar(self) -> str:
        limit = "" if self.bar.limit is None else self._number(self.bar.limit, unit=True)
        return f"bar {'<=' if self.bar.most else '>='} {limit}"

    def _number(self, value: float, unit: bool = False) -> str:
        if self.bar.kind is Kind.SHARE:
            return f"{100 * value:.1f}{' %' if unit else ''}"
        return f"{value:.3f}{self.bar.unit if unit else ''}"


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share."""
    if total == 0:
        return 0.0, 1.0
    share, spread = right / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap(values: Sequence[float], kind: Kind, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of a mean or median; the same values give the same interval."""
    if not values:
        return -math.inf, math.inf
    rng = np.random.default_rng(len(values))
    drawn = np.asarray(values)[rng.integers(len(values), size=(resamples, len(values)))]
    middles = np.median(drawn, axis=1) if kind is Kind.MEDIAN else drawn.mean(axis=1)
    low, high = np.quantile(middles, (0.025, 0.975))
    return float(low), float(high)


def figure(bar: Bar, values: Sequence[float | bool | None]) -> Figure:
    """One measure of all clips; None is a clip that the measure does not apply to."""
    known = [float(value) for value in values if value is not None]
    if not known:
        return Figure(bar, None, *bootstrap(known, bar.kind), 0)
    if bar.kind is Kind.SHARE:
        return Figure(bar, fmean(known), *wilson(round(sum(known)), len(known)), len(known))
    return Figure(bar, MIDDLE[bar.kind](known), *bootstrap(known, bar.kind), len(known))
