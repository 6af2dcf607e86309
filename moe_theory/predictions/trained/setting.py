"""What the theory of trained networks takes for granted, and the numbers that it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from moe_theory._validation import integer, reject
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import DenseCNN, SeparateMoE
from moe_theory.predictions.assumptions import (
    check_not_few,
    check_numbers_fit,
    check_plain,
    check_small_loss,
    positive_counts,
)
from moe_theory.training.sgd import SGD

Array = NDArray[Any]

FEWEST_SAMPLES, FEWEST_UNITS = 4, 4
# The largest initial output of a pattern, against what the discriminative one learns.
SMALL_START = 0.05
# The largest chance that random labels leave a class without a sample.
ABSENT = 0.01


@dataclass(frozen=True)
class TrainedSetting:
    """The numbers of one training that matter to its outcome.

    Attributes
    ----------
    patterns : PatchPatterns
        The data, without what does not matter.
    n_train : int
        N.
    n_experts, n_routed : int
        1 and n for the dense network, 2 and l for separate training.
    units : (int, int)
        Hidden units of one expert with positive and with negative output weight.
    init_std : float
        σ₀.
    scale : float
        The factor in front of the output, 1/n or 1/l.
    rate : float
        η times the output scale, by how much a patch moves a unit at slope 1.
    batch_size : int
        B <= N.
    target : float
        The mean loss at which training stops.
    router_noise : float
        ν = σ_r N/(η_r T_r), the initial router in units of one patch.
    own_routers : bool
        Whether the routers were trained on the same samples as the experts.
    """

    patterns: PatchPatterns
    n_train: int
    n_experts: int
    n_routed: int
    units: tuple[int, int]
    init_std: float
    scale: float
    rate: float
    batch_size: int
    target: float
    router_noise: float = 0.0
    own_routers: bool = True

    @property
    def n(self) -> int:
        """Patches of an input."""
        return self.patterns.n_patches

    @property
    def p(self) -> int:
        """Irrelevant patterns."""
        return self.patterns.n_irrelevant


def trained_setting(
    patterns: PatchPatterns, model: DenseCNN | SeparateMoE, sgd: SGD, n_train: int
) -> TrainedSetting:
    """Return what decides the outcome of a training.

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.
    """
    n_train = integer("n_train", n_train, FEWEST_SAMPLES)
    _check_patterns(patterns, n_train)
    check_plain(model, sgd)
    n_routed = model.patches_per_expert(patterns.n_patches)
    n_experts = model.n_experts
    if model.output_weights != "signs":
        raise reject("output_weights", model.output_weights, '"signs"')
    own = model.n_hidden // n_experts
    # Pairs of experts are routed alike, and are one pair with the units of all.
    n_pairs = max(1, n_experts // 2)
    units = n_pairs * math.ceil(own / 2), n_pairs * (own // 2)
    if min(units) < FEWEST_UNITS // 2:
        raise reject("units per expert", own, f">= {FEWEST_UNITS}")
    _check_training(sgd)
    scale = model.output_scale(patterns.n_patches)
    target = sgd.stop_loss or 0.0
    final = -math.log(math.expm1(target)) / (scale * sum(units) / 4)
    if model.init_std > SMALL_START * final or model.init_std == 0:
        allowed = f"positive and at most {SMALL_START * final:.2g}, so that what is learned rules"
        raise reject("init_std", model.init_std, allowed)
    noise = 0.0
    if isinstance(model, SeparateMoE):
        reach = sgd.router_rate * sgd.router_steps(n_train)
        noise = model.router_init_std * n_train / reach
    setting = TrainedSetting(
        patterns=_what_matters(patterns),
        n_train=n_train,
        n_experts=min(n_experts, 2),
        n_routed=n_routed,
        units=units,
        init_std=model.init_std,
        scale=scale,
        rate=sgd.learning_rate * scale,
        batch_size=min(sgd.batch_size, n_train),
        target=target,
        router_noise=noise,
        own_routers=sgd.router_samples == "train",
    )
    wide = max(setting.n, setting.p) + 2
    check_numbers_fit("n_train", n_train, setting.n_experts * n_train * wide)
    check_numbers_fit("n_hidden", model.n_hidden, setting.n_experts * setting.p * sum(units))
    return setting


def both_classes(patterns: PatchPatterns, n_train: int) -> tuple[Array, Array]:
    """Return the possible numbers of positive samples that leave both classes, with their chances.

    Examples
    --------
    >>> both_classes(PatchPatterns(4, 8, 10, positive_fraction=0.25), n_train=8)
    (array([2]), array([1.]))
    """
    counts, chances = positive_counts(patterns, n_train)
    kept = (counts > 0) & (counts < n_train)
    return counts[kept], chances[kept]


def fewest_samples(patterns: PatchPatterns) -> int:
    """Return the least even N, from 4 on, of which both classes are all but sure to have some."""
    n_train = FEWEST_SAMPLES
    while both_classes(patterns, n_train)[1].sum() < 1 - ABSENT:
        n_train += 2
    return n_train


def _check_patterns(patterns: PatchPatterns, n_train: int) -> None:
    if both_classes(patterns, n_train)[1].sum() < 1 - ABSENT:
        allowed = f"so large that both classes surely have samples, {fewest_samples(patterns)}"
        raise reject("n_train", n_train, allowed)
    if patterns.spread > 0:
        raise reject("spread", patterns.spread, "0: the theory is for a finite dictionary")
    check_not_few(patterns)


def _what_matters(patterns: PatchPatterns) -> PatchPatterns:
    """Return the patterns without what does not change the prediction."""
    same = replace(patterns, patch_dim=patterns.n_irrelevant + 2, dictionary_seed=0)
    return same if any(same.n_closer) else replace(same, closeness=1.0, max_closer=None)


def _check_training(sgd: SGD) -> None:
    check_small_loss(sgd)
    if sgd.router_samples == "split":
        raise reject("router_samples", "split", '"train" or "held_out"')
