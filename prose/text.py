"""Numbers as plain text: the one place where they are rounded."""

from __future__ import annotations

import math
import re

from moe_theory.plotting import interval_text

POWERS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
LOWERED = str.maketrans(POWERS, "0123456789")
COMMANDS = {"Ω": r"\Omega", "ε": r"\varepsilon", "γ": r"\gamma", "−": "-"}


def number(value: float | str, digits: int = 3) -> str:
    """Return a number with so many significant digits; without trailing zeros.

    Examples
    --------
    >>> number(0.02540), number(229.4), number(-128_000), number(float("inf")), number("")
    ('0.0254', '229', '−128,000', '∞', '–')
    """
    value = float(value) if value != "" else math.nan
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    if value and abs(value) >= 10**digits:
        value = round(value, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}g}"
    return sign(f"{float(text):,.0f}" if "e+" in text or abs(value) >= 1000 else text)


def whole(value: float | str) -> str:
    """Return a number rounded to a whole one, with commas between thousands."""
    return sign(f"{float(value):,.0f}")


def fixed(value: float | str, decimals: int = 2) -> str:
    """Return a number with so many decimals.

    Examples
    --------
    >>> fixed(-0.126), fixed(-0.001)
    ('−0.13', '0.00')
    """
    return sign(f"{float(value):.{decimals}f}")


def percent(value: float | str, decimals: int = 0) -> str:
    """Return a fraction in percent."""
    return f"{sign(f'{100 * float(value):.{decimals}f}')} %"


def interval(value: float | str, low: float | str, high: float | str, digits: int = 2) -> str:
    """Return a number with its interval, such as 2.8 [2.6, 3.5]."""
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def slope(value: float | str, low: float | str, high: float | str) -> str:
    """Return an exponent with its interval, as pictures write it."""
    return interval_text(float(value), float(low), float(high))


def plus_minus(mean: float, error: float, decimals: int = 3) -> str:
    """Return a mean with its error."""
    return f"{fixed(mean, decimals)} ± {fixed(error, decimals)}"


def sign(text: str) -> str:
    """Return a number with a typographic minus; zero has none."""
    if text.startswith("-") and not text.strip("-0."):
        return text[1:]
    return text.replace("-", "−", 1) if text.startswith("-") else text


def formula(plain: str) -> str:
    r"""Return a bound that is written in Unicode as a formula that Markdown typesets.

    Examples
    --------
    >>> print(formula("Ω(k⁴ l⁶/ε¹⁶)"), formula("O(1/√d)"), formula("Ω(1 − γ)"))
    $\Omega(k^{4} l^{6}/\varepsilon^{16})$ $O(1/\sqrt{d})$ $\Omega(1 - \gamma)$
    """
    raised = re.sub(f"[{POWERS}]+", lambda at: f"^{{{at[0].translate(LOWERED)}}}", plain)
    rooted = re.sub(r"√(\w)", r"\\sqrt{\1}", raised)
    return "$" + "".join(COMMANDS.get(letter, letter) for letter in rooted) + "$"


def spelled(counted: float | str) -> str:
    """Return a small count in words."""
    count = int(float(counted))
    names = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
             "eleven", "twelve")  # fmt: skip
    return names[count] if count < len(names) else whole(count)


def words(items: list[str]) -> str:
    """Return a list in words.

    Examples
    --------
    >>> words(["a", "b", "c"]), words(["a"]), words([])
    ('a, b and c', 'a', 'none')
    """
    if not items:
        return "none"
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
