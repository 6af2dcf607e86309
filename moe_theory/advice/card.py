"""What a notebook shows of an `Advice`: N* or operations over l, and the best l of each network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from moe_theory._display import table

WIDTH, HEIGHT, BOTTOM, LEFT, RIGHT = 450, 200, 34, 62, 110
# Okabe–Ito colours: told apart by every kind of colour vision, on light and on dark pages.
COLOURS = {
    ("dense", 1): "#888888",
    ("separate", 2): "#D55E00",
    ("joint", 2): "#56B4E9",
    ("joint", 8): "#0072B2",
    ("joint", 20): "#CC79A7",
}
OTHER = "#009E73"
NAMES = {"samples": "training samples N*", "flops": "operations"}


class Choice(Protocol):
    """What is drawn of one network."""

    @property
    def arm(self) -> str:
        """The architecture."""

    @property
    def n_routed(self) -> int:
        """The number l of patches per expert."""

    @property
    def n_experts(self) -> int:
        """The number k of experts."""


def advice_card(epsilon: float, goal: str, options: Sequence[Any]) -> str:
    """Return curves over l and a table of the best l of each network, best first, as HTML."""
    groups: dict[tuple[str, int], list[Any]] = {}
    for option in options:
        groups.setdefault((option.arm, option.n_experts), []).append(option)
    best = options[0]
    title = f"Fewest {NAMES[goal]} to ε = {epsilon:g}: {_called(best)}"
    rows = [
        [_named(own[0]), own[0].n_routed, round(own[0].samples, 1), f"{own[0].flops:.1e}",
         round(own[0].saving, 1)]
        for own in groups.values()
    ]  # fmt: skip
    heads = ["network", "best l", "N*", "operations", "saving"]
    notes = [f"{len(options)} networks reach ε; print shows all, moe-theory explore draws them."]
    return _curves(goal, groups) + table(heads, rows, caption=title, notes=notes)


def _named(option: Choice) -> str:
    return option.arm if option.arm == "dense" else f"{option.arm}, k = {option.n_experts}"


def _called(option: Choice) -> str:
    return option.arm if option.arm == "dense" else f"{_named(option)}, l = {option.n_routed}"


def _curves(goal: str, groups: Mapping[tuple[str, int], Sequence[Any]]) -> str:
    """Return a drawing of the goal over l, both logarithmic; the dense network is a line."""
    everyone = [option for own in groups.values() for option in own]
    x = _axis([option.n_routed for option in everyone], LEFT, WIDTH - RIGHT)
    y = _axis([getattr(option, goal) for option in everyone], HEIGHT - BOTTOM, 12)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" '
        f'aria-label="{NAMES[goal]} over l" style="max-width: 100%">'
    ]
    for place, ((arm, k), own) in enumerate(groups.items()):
        colour = COLOURS.get((arm, k), OTHER)
        points = [(x(o.n_routed), y(getattr(o, goal))) for o in sorted(own, key=_l)]
        ends = [(LEFT, points[0][1]), *points] if arm == "dense" else points
        parts.append(
            f'<polyline points="{_text(ends)}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        parts += [f'<circle cx="{a}" cy="{b}" r="3" fill="{colour}"/>' for a, b in points]
        parts.append(_label(WIDTH - RIGHT + 14, 18 + 16 * place, _named(own[0]), colour))
    first = next(iter(groups.values()))[0]
    at = x(first.n_routed), y(getattr(first, goal))
    parts.append(f'<circle cx="{at[0]}" cy="{at[1]}" r="7" fill="none" stroke="#888888"/>')
    for n_routed in sorted({option.n_routed for option in everyone}):
        parts.append(_label(x(n_routed), HEIGHT - BOTTOM + 16, f"{n_routed}", "#888888", "middle"))
    parts.append(_label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 3, "l", "#888888", "middle"))
    extremes = sorted({getattr(option, goal) for option in everyone})
    for value in (extremes[0], extremes[-1]):
        text = f"{value:.2g}" if value > 1e5 else f"{value:.3g}"
        parts.append(_label(LEFT - 10, y(value) + 4, text, "#888888", "end"))
    return "".join([*parts, "</svg>"])


def _l(option: Choice) -> int:
    return option.n_routed


def _axis(values: Sequence[float], start: float, end: float) -> Any:
    low, high = math.log(min(values)), math.log(max(values))
    span = (high - low) or 1.0
    return lambda value: round(start + (end - start) * (math.log(value) - low) / span, 1)


def _text(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{a},{b}" for a, b in points)


def _label(x: float, y: float, text: str, colour: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" fill="{colour}" font-size="12" text-anchor="{anchor}">{text}</text>'
    )
