"""`Advice`: networks that reach ε, best first, with intervals, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from moe_theory.advice.answers import NoPrediction, grouped, name_of
from moe_theory.advice.card import advice_card

Goal = Literal["samples", "flops"]
Source = Literal["table", "direct"]


@dataclass(frozen=True)
class Option:
    """One network that reaches ε, and what it takes; intervals are of 95 %.

    Attributes
    ----------
    arm : {"dense", "separate", "joint"}
    n_routed, n_experts : int
        l and k.
    samples, steps, flops : float
        N*(ε), and the steps and floating-point operations of training with N* samples.
    saving : float
        What the dense network takes over what this one does, of samples or operations: of what is
        minimised. Nan where the dense network does not reach ε.
    samples_low, samples_high, flops_low, flops_high, saving_low, saving_high : float
        Ends of the intervals; nan where none was given. The low end is 0 where the fewest samples
        that are predicted reach ε.

    Examples
    --------
    >>> Option("joint", 8, 8, samples=10.0, steps=700.0, flops=5e9, saving=9.0).name
    'joint, l = 8, k = 8'
    """

    arm: str
    n_routed: int
    n_experts: int
    samples: float
    steps: float
    flops: float
    saving: float
    samples_low: float = math.nan
    samples_high: float = math.nan
    flops_low: float = math.nan
    flops_high: float = math.nan
    saving_low: float = math.nan
    saving_high: float = math.nan

    @property
    def name(self) -> str:
        """The network in words."""
        return name_of(self.arm, self.n_routed, self.n_experts)

    def ratio(self, other: Option, goal: Goal) -> tuple[float, float, float]:
        """Return how many times as much the ``other`` takes, and the ends of the interval.

        Predictions of two networks are taken to be off independently of each other.

        Examples
        --------
        >>> one = Option("dense", 16, 1, 20.0, 90.0, 2e8, 1.0, samples_low=16, samples_high=25)
        >>> two = Option("separate", 1, 2, 10.0, 90.0, 1e8, 2.0, samples_low=9, samples_high=11.1)
        >>> [round(number, 2) for number in two.ratio(one, "samples")]
        [2.0, 1.56, 2.56]
        """
        middle = getattr(other, goal) / getattr(self, goal)
        less = math.hypot(self.reach(goal)[1], other.reach(goal)[0])
        more = math.hypot(self.reach(goal)[0], other.reach(goal)[1])
        return middle, middle * math.exp(-less), middle * math.exp(more)

    def reach(self, goal: Goal) -> tuple[float, float]:
        """Return how far the interval of log samples or log operations goes down and up.

        Examples
        --------
        >>> dense = Option("dense", 16, 1, 20.0, 90.0, 2e8, 1.0, samples_low=0, samples_high=20)
        >>> dense.reach("samples")
        (inf, 0.0)
        """
        low, middle, high = (getattr(self, f"{goal}{end}") for end in ("_low", "", "_high"))
        return math.log(middle / low) if low > 0 else math.inf, math.log(high / middle)


@dataclass(frozen=True)
class Advice:
    """All networks, best first.

    Attributes
    ----------
    epsilon : float
        ε.
    minimise : {"samples", "flops"}
    options : tuple of Option
        Best first; ties in samples are broken by operations, and the other way round.
    refused : tuple of NoPrediction
        Networks that no prediction holds for, or that do not reach ε, with the reason.
    reason : str
        Why the first option is best for these data.
    source : {"table", "direct"}
        Whether predictions were looked up, or made for these data.
    cautions : tuple of str
        What to mind: sizes beyond those held against simulation, warnings of predictions.

    Examples
    --------
    >>> first = Option("separate", 2, 2, 11, 400, 1e8, 8.0, 9, 13, 7e7, 1.4e8, 6.5, 9.8)
    >>> dense = Option("dense", 64, 1, 88, 1e3, 8e9, 1.0, 78, 99, 7e9, 1e10, 1.0, 1.0)
    >>> none = NoPrediction("joint", 4, 8, "delta_d must be 0")
    >>> print(Advice(0.05, "samples", (first, dense), (none,), "Its routers keep the patch."))
    network    l   k  N*                 steps  FLOPs                       saving
    separate   2   2  11 [9, 13]           400  1.0e+08 [7.0e+07, 1.4e+08]  8 [6.5, 9.8]
    dense     64   1  88 [78, 99]         1000  8.0e+09 [7.0e+09, 1.0e+10]  1
    <BLANKLINE>
    Its routers keep the patch.
    No predicted N* of joint, l = 4, k = 8: delta_d must be 0
    """

    epsilon: float
    minimise: Goal
    options: tuple[Option, ...]
    refused: tuple[NoPrediction, ...] = ()
    reason: str = ""
    source: Source = "table"
    cautions: tuple[str, ...] = ()

    @property
    def best(self) -> Option:
        """The network that minimises the goal."""
        return self.options[0]

    @property
    def rivals(self) -> tuple[Option, ...]:
        """Other networks that may be as good, as far as predictions tell."""
        return tuple(
            other for other in self.options[1:] if self.best.ratio(other, self.minimise)[1] <= 1
        )

    def __str__(self) -> str:
        cells = [("network", "l", "k", "N*", "steps", "FLOPs", "saving")]
        for o in self.options:
            samples = spanned(o.samples, o.samples_low, o.samples_high, 3)
            flops = spanned(o.flops, o.flops_low, o.flops_high, ".1e")
            saving = spanned(o.saving, o.saving_low, o.saving_high, 2)
            sizes = (str(o.n_routed), str(o.n_experts))
            cells.append((o.arm, *sizes, samples, f"{o.steps:.0f}", flops, saving))
        columns = list(zip(*cells, strict=True))
        wide = [max(map(len, column)) for column in columns]
        right = (False, True, True, False, True, False, False)
        lines = []
        for row in cells:
            parts = [
                cell.rjust(width) if side else cell.ljust(width)
                for cell, width, side in zip(row, wide, right, strict=True)
            ]
            lines.append("  ".join(parts).rstrip())
        lines += ["", self.reason] if self.reason else []
        if len(self.options) > 1 and self.rivals:
            lines.append(f"As good, as far as predictions tell: {_names(self.rivals)}.")
        lines += [f"No predicted N* of {line}" for line in grouped(self.refused)]
        return "\n".join([*lines, *(f"Mind: {text}" for text in self.cautions)])

    def _repr_html_(self) -> str:
        return advice_card(self.epsilon, self.minimise, self.options)


def spanned(value: float, low: float, high: float, form: int | str) -> str:
    """Return a number with its interval, in a format or in so many digits.

    Examples
    --------
    >>> spanned(172.3, 112.0, 254.0, 2), spanned(1.0, 1.0, 1.0, 2)
    ('170 [110, 250]', '1')
    """
    if math.isnan(value):
        return "–"
    told = [
        f"{x:{form}}" if isinstance(form, str) else f"{float(f'{x:.{form}g}'):g}"
        for x in (value, low, high)
    ]
    return told[0] if math.isnan(low) or low == high else f"{told[0]} [{told[1]}, {told[2]}]"


def _names(options: tuple[Option, ...]) -> str:
    return "; ".join(option.name for option in options)
