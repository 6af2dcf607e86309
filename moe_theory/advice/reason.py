"""Why a network is best for the data: sentences made of what is predicted for them."""

from __future__ import annotations

from moe_theory.advice.advice import Goal, Option, spanned
from moe_theory.advice.kept import kept_share
from moe_theory.data.patterns import PatchPatterns

WORDS = {"samples": "samples", "flops": "operations"}


def reason_of(patterns: PatchPatterns, options: tuple[Option, ...], goal: Goal) -> str:
    """Return why the first option is best, in a few sentences.

    Every number in them is predicted, or drawn, for these data.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=16, n_irrelevant=64, patch_dim=66)
    >>> dense = Option("dense", 16, 1, 20.0, 300.0, 2e9, 1.0, 18, 22, 1.6e9, 2.4e9, 1, 1)
    >>> one = Option("separate", 1, 2, 8.0, 200.0, 1e8, 2.5, 6.7, 9.6, 7e7, 1.4e8, 2, 3.1)
    >>> saving, routers = reason_of(patterns, (one, dense), "samples").split(". ")
    >>> print(saving)
    Separate, l = 1 takes 2.5 [2, 3.1] times fewer samples than the dense network
    >>> print(routers[:71])
    Its routers keep the patch that tells the label in 94% of fresh inputs
    """
    parts = [_against_others(options, goal)]
    separate = next((option for option in options if option.arm == "separate"), None)
    if separate is not None:
        parts.append(_of_routers(patterns, options, separate, goal))
        parts.append(_of_data(patterns, separate))
    return " ".join(part for part in parts if part)


def _against_others(options: tuple[Option, ...], goal: Goal) -> str:
    best, words = options[0], WORDS[goal]
    name = best.name[0].upper() + best.name[1:]
    dense = next((option for option in options if option.arm == "dense"), None)
    if dense is None:
        return f"{name} takes fewest {words}; the dense network does not reach ε."
    if best is not dense:
        unsure = ", within what predictions are off" if best.saving_low <= 1 else ""
        return (
            f"{name} takes {_times(best.saving, best.saving_low, best.saving_high)} times fewer "
            f"{words} than the dense network{unsure}."
        )
    if len(options) == 1:
        return "Only of the dense network is there a prediction."
    second = options[1]
    return (
        f"The dense network takes fewest {words}: {second.name} takes "
        f"{_times(*best.ratio(second, goal))} times as many."
    )


def _of_routers(
    patterns: PatchPatterns, options: tuple[Option, ...], separate: Option, goal: Goal
) -> str:
    """Say what routers of the best separate training do, and how it compares."""
    best, n, n_routed = options[0], patterns.n_patches, separate.n_routed
    kept = kept_share(patterns, n_routed, max(2, round(separate.samples)))
    does = (
        f"routers keep the patch that tells the label in {kept:.0%} of fresh inputs and drop "
        f"{n - n_routed} of {n} patches"
    )
    if best is separate:
        return f"Its {does}."
    if best.arm == "dense":
        return f"Separate training is best with l = {n_routed}: its {does}."
    return (
        f"Its gates weigh the {best.n_routed} patches kept, and learn with the experts. Separate "
        f"training, best with l = {n_routed}, takes {_times(*best.ratio(separate, goal))} times "
        f"as many: its {does}."
    )


def _of_data(patterns: PatchPatterns, separate: Option) -> str:
    """Say what δ_d and closer patterns do to the scores of routers."""
    parts = []
    if patterns.delta_d != 0:
        lead = f"{1 - patterns.delta_d:.2g}"
        parts.append(f"At aligned routers it leads neutral ones by 1 − δ_d = {lead}.")
    if any(patterns.n_closer) and patterns.l_star == 1:
        share = f"{patterns.closeness:.2g}"
        parts.append(f"Closer patterns score {share} of what it does, so that l* is 1.")
    elif any(patterns.n_closer):
        text = f"Closer patterns rival it: l* is {patterns.l_star}"
        if separate.n_routed > 1:
            alone = kept_share(patterns, 1, round(separate.samples))
            text += f", and with l = 1 routers keep it in {alone:.0%}"
        parts.append(f"{text}.")
    return " ".join(parts)


def _times(middle: float, low: float, high: float) -> str:
    return spanned(middle, low, high, 2)
