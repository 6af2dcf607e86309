"""The network, l and k that minimise samples or operations to ε."""

from __future__ import annotations

import math
from dataclasses import replace

from moe_theory._progress import watched
from moe_theory._validation import boolean, choice, instance, integer, real, reject
from moe_theory.advice.accuracy import N_RANGE, RATIO_RANGE, widths
from moe_theory.advice.advice import Advice, Goal, Option
from moe_theory.advice.answers import NoPrediction, Predicted, name_of
from moe_theory.advice.conventions import EPSILON
from moe_theory.advice.direct import Answer, predicted_directly
from moe_theory.advice.interpolate import in_table, predicted_samples
from moe_theory.advice.operations import flops_of
from moe_theory.advice.reason import reason_of
from moe_theory.data.patterns import PatchPatterns

FEWEST_PATCHES, LEAST_FRACTION = 4, 0.05


def advise(
    patterns: PatchPatterns,
    epsilon: float,
    minimise: Goal = "samples",
    *,
    n_workers: int | None = None,
    progress: bool | None = None,
) -> Advice:
    """Say which network, l and k need the fewest samples or operations to reach ε.

    Parameters
    ----------
    patterns : PatchPatterns
        Any that some prediction holds for: without spread, p >= 16, n >= 4.
    epsilon : float
        ε, in [0.02, 0.2].
    minimise : {"samples", "flops"}
        Samples N*(ε), or floating-point operations of training with these, routers included.
    n_workers : int, optional
        Processes that predict what is not in the table; all cores by default.
    progress : bool, optional
        Whether to show a progress bar meanwhile; by default, if somebody sees standard error.

    Returns
    -------
    Advice
        Networks for which no prediction holds, or which do not reach ε, are in ``refused``, with
        the reason.

    Raises
    ------
    ValueError
        If an argument is out of range, or no prediction of any network holds; the message says why.

    Notes
    -----
    Orthonormal patterns and balanced classes with n in [16, 128] and p in [2n, 8n] are looked up in
    a table of predictions, in a fifth of a second. All else is predicted when asked for, with
    `trained_error` and `joint_error`: on two cores some twenty seconds at n = 32 and minutes at
    n = 128, once for both goals. Intervals are of 95 %: how far predictions were off where they
    were held against simulation, and the noise of their draws. Operations follow
    `moe_theory.costs`. Source: derived in docs/theory/advice.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    >>> advice = advise(patterns, epsilon=0.05)
    >>> advice.best.samples < 15, advice.options[-1].samples > 100
    (True, True)
    """
    choice("minimise", minimise, ("samples", "flops"))
    instance("patterns", patterns, PatchPatterns, "PatchPatterns")
    epsilon = real("epsilon", epsilon, min(EPSILON), max(EPSILON))
    n_workers = None if n_workers is None else integer("n_workers", n_workers, 1)
    shown = watched() if progress is None else boolean("progress", progress)
    _check_size(patterns)
    tabulated = in_table(patterns)
    if tabulated:
        answers: tuple[Answer, ...] = tuple(predicted_samples(patterns, epsilon))
    else:
        answers = predicted_directly(patterns, epsilon, n_workers, progress=shown)
    known, refused = _reached(answers)
    if not known:
        # One reason for each field that is at fault.
        reasons = {none.reason.split(":")[0]: none.reason for none in reversed(refused)}
        raise ValueError(f"nothing is predicted of any network: {'; '.join(reasons.values())}")
    options = _ranked(patterns, known, minimise)
    return Advice(
        epsilon,
        minimise,
        options,
        refused,
        reason_of(patterns, options, minimise),
        "table" if tabulated else "direct",
        _cautions(patterns, known),
    )


def _check_size(patterns: PatchPatterns) -> None:
    if patterns.n_patches < FEWEST_PATCHES:
        raise reject("n_patches", patterns.n_patches, f">= {FEWEST_PATCHES}")
    fraction, least = patterns.positive_fraction, LEAST_FRACTION
    if not least <= fraction <= 1 - least:
        raise reject("positive_fraction", fraction, f"in [{least:g}, {1 - least:g}]")


def _reached(answers: tuple[Answer, ...]) -> tuple[list[Predicted], tuple[NoPrediction, ...]]:
    """Return the networks that reach ε, and the reasons of the others."""
    known, refused = [], []
    for answer in answers:
        if isinstance(answer, NoPrediction):
            refused.append(answer)
        elif math.isfinite(answer.samples):
            known.append(answer)
        else:
            network = answer.arm, answer.n_routed, answer.n_experts
            refused.append(NoPrediction(*network, "no N of the table reaches epsilon"))
    return known, tuple(refused)


def _ranked(patterns: PatchPatterns, known: list[Predicted], minimise: Goal) -> tuple[Option, ...]:
    """Return the networks with intervals, best first."""
    options = [_option(patterns, one) for one in known]
    dense = next((option for option in options if option.arm == "dense"), None)
    if dense is not None:
        for place, option in enumerate(options):
            saving, low, high = option.ratio(dense, minimise)
            if option is dense:
                low = high = 1.0
            options[place] = replace(option, saving=saving, saving_low=low, saving_high=high)
    other = "flops" if minimise == "samples" else "samples"
    options.sort(key=lambda o: (getattr(o, minimise), getattr(o, other)))
    return tuple(options)


def _option(patterns: PatchPatterns, known: Predicted) -> Option:
    """Return what a network takes, with intervals."""
    flops = flops_of(patterns, known)
    (low, high), (least, most) = (
        (0.0 if known.at_most else middle * math.exp(-wide), middle * math.exp(wide))
        for middle, wide in zip((known.samples, flops), widths(known), strict=True)
    )
    network = known.arm, known.n_routed, known.n_experts
    return Option(*network, known.samples, known.steps, flops, math.nan, low, high, least, most)


def _cautions(patterns: PatchPatterns, known: list[Predicted]) -> tuple[str, ...]:
    """Return what to mind: sizes that were not held against simulation, warnings near N*."""
    found = []
    n, ratio = patterns.n_patches, patterns.n_irrelevant / patterns.n_patches
    for name, value, (low, high) in (("n", n, N_RANGE), ("p/n", ratio, RATIO_RANGE)):
        if not low <= value <= high:
            found.append(f"{name} = {value:.3g}: simulated was {name} from {low} to {high}")
    found += [
        f"{name_of(one.arm, one.n_routed, one.n_experts)}: {text}"
        for one in known
        for text in one.cautions
    ]
    found += [
        f"{name_of(one.arm, one.n_routed, one.n_experts)}: N* may be less than "
        f"{one.samples:g}, the fewest samples that are predicted"
        for one in known
        if one.at_most
    ]
    return tuple(found)
