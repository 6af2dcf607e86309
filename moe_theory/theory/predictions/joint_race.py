"""Which pattern opens the gate of an expert first, in closed form for l = n."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from moe_theory._typed import typed
from moe_theory._validation import integer, real, reject
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import JointMoE
from moe_theory.theory.predictions.domain import MOST_SAMPLES, check_objects, check_orthogonal

Array = NDArray[Any]


@dataclass(frozen=True)
class JointRace:
    """Chances that a discriminative pattern is the fastest of an expert at its start.

    Attributes
    ----------
    leads : float
        Chance that o₁ (or o₂) is faster than every irrelevant pattern, mean over experts.
    leads_or_ties : float
        The same with ties counted as leads.
    n_experts : int
        k.

    Notes
    -----
    Source: dossier §5.4 and §7 [D].

    Examples
    --------
    >>> JointRace(leads=0.2, leads_or_ties=0.3, n_experts=8).leaders
    1.6
    """

    leads: float
    leads_or_ties: float
    n_experts: int

    @property
    def leaders(self) -> float:
        """Mean number of experts in which o₁ leads."""
        return self.n_experts * self.leads

    @property
    def lacking(self) -> float:
        """Chance that o₁ or o₂ leads in no expert, if experts and classes were independent."""
        return 1 - (1 - (1 - self.leads) ** self.n_experts) ** 2

    @property
    def lacking_with_ties(self) -> float:
        """The same with ties counted as leads."""
        return 1 - (1 - (1 - self.leads_or_ties) ** self.n_experts) ** 2


@typed
def joint_race(patterns: PatchPatterns, model: JointMoE, n_train: int) -> JointRace:
    """Return the chance that a discriminative pattern wins an expert of a joint network with l = n.

    As long as slopes are ½, experts do not see each other. A pattern with net count A that is
    carried by κ units opens its gate at a time ∝ 1/(|A| √κ), see `opening_time`. So o₁, of which
    A = N/2, wins if (N/2)√κ₁ is the largest of these speeds.

    Parameters
    ----------
    patterns : PatchPatterns
        Without spread and closer patterns, δ_d = 0, balanced classes.
    model : JointMoE
        With ``output_weights="signs"`` and n_routed = n.
    n_train : int
        N >= 2, even.

    Returns
    -------
    JointRace

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.

    Notes
    -----
    Net counts are taken as independent differences of Poisson numbers; their fixed totals are
    neglected, and so is that counts of patterns which share samples grow together.

    Source: dossier §5.4 and §7 [D]; derivation in docs/theory/joint.md.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=64, n_irrelevant=256, patch_dim=258)
    >>> races = [joint_race(patterns, JointMoE(8, 40, 64), n) for n in (6, 10, 20)]
    >>> [round(race.leaders, 1) for race in races]
    [0.2, 1.8, 5.5]
    """
    check_objects(patterns, model)
    if not isinstance(model, JointMoE):
        raise reject("model", type(model).__name__, "a JointMoE")
    n_train = integer("n_train", n_train, 2, MOST_SAMPLES)
    if n_train % 2:
        raise reject("n_train", n_train, "even, so that both classes are of the same size")
    check_orthogonal(patterns)
    if patterns.delta_d != 0:
        raise reject("delta_d", patterns.delta_d, "0: every pattern must learn apart")
    if not patterns.balanced or patterns.positive_fraction != 0.5:
        given = (patterns.balanced, patterns.positive_fraction)
        raise reject("(balanced, positive_fraction)", given, "(True, 0.5)")
    if model.output_weights != "signs":
        raise reject("output_weights", model.output_weights, '"signs"')
    if model.routed(patterns.n_patches) != patterns.n_patches:
        allowed = f"n = {patterns.n_patches}: with less, top-l sets decide who may race"
        raise reject("n_routed", model.n_routed, allowed)
    units = model.units_per_expert
    # In an expert of odd size one sign has a unit more, in turn.
    splits = [(math.ceil(units / 2), units // 2), (units // 2, math.ceil(units / 2))]
    chances = np.mean(
        [_lead(patterns, n_train, own, other) for own, other in splits], axis=0
    )  # fmt: skip
    return JointRace(float(chances[0]), float(chances[1]), model.n_experts)


def _lead(patterns: PatchPatterns, n_train: int, own: int, other: int) -> tuple[float, float]:
    """Return the chances to lead, and to lead or tie, with ``own`` units of o's sign."""
    mean = n_train / 2 * (patterns.n_patches - 1) / patterns.n_irrelevant
    reach = math.ceil(mean + 12 * math.sqrt(mean) + 12)
    net = np.arange(-reach, reach + 1)
    law = stats.skellam.pmf(net, mean, mean)
    # Squared speeds A²κ are whole numbers, so that ties are exact.
    chances = np.zeros(2)
    for carriers, weight in enumerate(stats.binom.pmf(np.arange(own + 1), own, 0.5)):
        goal = (n_train // 2) ** 2 * carriers
        if not carriers:
            continue
        below, level = 0.0, 0.0
        for units, side in ((own, net > 0), (other, net < 0)):
            for rival, chance in enumerate(stats.binom.pmf(np.arange(units + 1), units, 0.5)):
                speed = net[side] ** 2 * rival
                below += chance * law[side][speed < goal].sum()
                level += chance * law[side][speed == goal].sum()
        below += law[net == 0].sum()
        chances += weight * np.array([below, below + level]) ** patterns.n_irrelevant
    return float(chances[0]), float(chances[1])


@typed
def opening_time(n_routed: int, carriers: float, share: float, u: float = math.inf) -> float:
    """Return the time η·t at which a pattern has reached u in an expert that learns nothing else.

    ∫₀^u 2l (e^{κv²/2} + l − 1) e^{−κv²/2} dv / share. The bulk of it passes before the gate
    opens, near u = √(2 log(l)/κ): 2l(l − 1)/share · √(π/(2κ)).

    Parameters
    ----------
    n_routed : int
        l.
    carriers : float
        κ > 0, the active units of the right sign.
    share : float
        |A|/N in (0, 1].
    u : float
        By default the bulk alone, without the slow growth that follows.

    Returns
    -------
    float
        In units of the learning rate, for output scale 1/l and slopes ½.

    Raises
    ------
    ValueError
        If a value is out of range.

    Notes
    -----
    Source: dossier §5.4 [D]; derivation in docs/theory/joint.md.

    Examples
    --------
    >>> steps = opening_time(8, carriers=1.25, share=0.5) / (0.2 * 8)
    >>> round(steps)
    157
    """
    n_routed = integer("n_routed", n_routed, 1)
    carriers = real("carriers", carriers, 0, open_low=True)
    share = real("share", share, 0, 1, open_low=True)
    width = math.sqrt(carriers / 2)
    bulk = math.sqrt(math.pi) / 2 / width
    if u == math.inf:
        return 2 * n_routed * (n_routed - 1) * bulk / share
    u = real("u", u, 0)
    reached = bulk * float(special.erf(width * u))
    return 2 * n_routed * ((n_routed - 1) * reached + u) / share
