"""What the theory of joint training takes for granted, and the numbers that it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from moe_theory._validation import integer, reject
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import JointMoE
from moe_theory.predictions.assumptions import (
    check_numbers_fit,
    check_orthonormal,
    check_plain,
    check_small_loss,
)
from moe_theory.training.sgd import SGD, steps_per_epoch

FEWEST_SAMPLES = 2
# The largest initial pre-activation, against the u at which gates open.
SMALL_START = 0.1
# Scores are in a random order as long as u is no more than so many initial standard deviations.
EXPLORING = 10
# The largest safe change of a margin in one step, once all experts carry o₁.
LARGEST_STEP = 1.0


@dataclass(frozen=True)
class JointSetting:
    """The numbers of one joint training that matter to its outcome.

    Attributes
    ----------
    n, p, n_train : int
        Patches of an input, irrelevant patterns and samples N.
    n_experts, n_routed, units : int
        k, l and m/k.
    init_std, router_init_std : float
        Standard deviations of initial pre-activations and scores.
    scale : float
        The factor in front of the output, 1/l or 1/n.
    rate, rate_ratio : float
        η, and η_r/η.
    batch_size, n_steps : int
        B <= N and T.
    target : float
        The mean loss at which training stops.
    positive_fraction : float
        Fraction of positive labels.
    balanced : bool
        Whether their number is fixed.
    """

    n: int
    p: int
    n_train: int
    n_experts: int
    n_routed: int
    units: int
    init_std: float
    router_init_std: float
    scale: float
    rate: float
    rate_ratio: float
    batch_size: int
    n_steps: int
    target: float
    positive_fraction: float = 0.5
    balanced: bool = True

    @property
    def smaller(self) -> float:
        """The fraction of the smaller class."""
        return min(self.positive_fraction, 1 - self.positive_fraction)

    @property
    def carriers(self) -> float:
        """κ̄, the mean number of units of an expert that carry a pattern with the right sign."""
        return self.units / 4

    @property
    def opening(self) -> float:
        """1/√κ̄, the u at which S = κ̄u²/2 is ½, and the gate begins to open."""
        return 1 / math.sqrt(self.carriers)

    @property
    def n_exact(self) -> int:
        """The steps of SGD during which single steps count.

        The order of the scores is settled by then; if batches are smaller than N, they shake it
        until gates open.
        """
        end = EXPLORING * self.init_std
        if self.batch_size < self.n_train:
            end = max(end, self.opening)
        # Of the pattern of the smaller class: its share of the samples, slope ½ and gate 1/l.
        per_step = self.smaller * self.rate * self.scale / (2 * self.n_routed)
        return min(math.ceil(end / per_step), self.n_steps)

    @property
    def margin_step(self) -> float:
        """How much one step changes the margins at slope ½, if all experts carry o₁ alone."""
        return self.rate * self.scale**2 * self.n_experts * self.carriers / 4

    @property
    def per_epoch(self) -> int:
        """Batches in one epoch."""
        return steps_per_epoch(self.n_train, self.batch_size)


def joint_setting(patterns: PatchPatterns, model: JointMoE, sgd: SGD, n_train: int) -> JointSetting:
    """Return what decides the outcome of a training.

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.
    """
    n_train = integer("n_train", n_train, FEWEST_SAMPLES)
    check_orthonormal(patterns)
    check_plain(model, sgd)
    check_small_loss(sgd)
    if model.output_weights != "signs":
        raise reject("output_weights", model.output_weights, '"signs"')
    n_routed = model.patches_per_expert(patterns.n_patches)
    if model.router_init_std == 0 and n_routed < patterns.n_patches:
        allowed = "positive, as otherwise places decide what is routed, not scores"
        raise reject("router_init_std", model.router_init_std, allowed)
    setting = JointSetting(
        n=patterns.n_patches,
        p=patterns.n_irrelevant,
        n_train=n_train,
        n_experts=model.n_experts,
        n_routed=n_routed,
        units=model.units_per_expert,
        init_std=model.init_std,
        router_init_std=model.router_init_std,
        scale=model.output_scale(patterns.n_patches),
        rate=sgd.learning_rate,
        rate_ratio=sgd.router_rate / sgd.learning_rate,
        batch_size=min(sgd.batch_size, n_train),
        n_steps=sgd.steps(n_train),
        target=sgd.stop_loss or 0.0,
        positive_fraction=patterns.positive_fraction,
        balanced=patterns.balanced,
    )
    if not 0 < model.init_std <= SMALL_START * setting.opening:
        allowed = f"positive and at most {SMALL_START * setting.opening:.2g}, where gates open"
        raise reject("init_std", model.init_std, allowed)
    check_numbers_fit("n_train", n_train, setting.n_experts * n_train * setting.n)
    check_numbers_fit("n_hidden", model.n_hidden, model.n_hidden * (setting.p + 2))
    n_visits = setting.n_exact * setting.batch_size
    check_numbers_fit("learning_rate", setting.rate, n_visits, at_least=True)
    return setting
