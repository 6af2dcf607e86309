"""The training that all tabulated predictions are of, and the grid of the table."""

from __future__ import annotations

from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import DenseCNN, JointMoE, SeparateMoE
from moe_theory.training.sgd import SGD

# n, p/n and ε of the table; l and k of its networks.
N_PATCHES, RATIOS = (16, 32, 64, 128), (2, 4, 8)
EPSILON = (0.2, 0.1, 0.05, 0.02)
N_ROUTED, N_EXPERTS = (1, 2, 4, 8, 16, 32, 64), (2, 8, 20)
# N at which errors are predicted; consecutive ones differ by a factor of about √2.
SIZES = (4, 6, 8, 12, 16, 24, 34, 48, 68, 96, 136, 192, 272, 384, 544)

N_HIDDEN, BATCH_SIZE, STOP_LOSS, RATE = 40, 20, 0.03, 0.2
ROUTER_EPOCHS = 100


def patterns_of(n: int, p: int) -> PatchPatterns:
    """Return n patches, p orthonormal irrelevant patterns."""
    return PatchPatterns(n_patches=n, n_irrelevant=p, patch_dim=p + 2)


def network_of(arm: str, n_routed: int, n_experts: int) -> DenseCNN | SeparateMoE | JointMoE:
    """Return the network with m = 40 units of an arm."""
    if arm == "dense":
        return DenseCNN(N_HIDDEN, init_std=0.01)
    if arm == "separate":
        return SeparateMoE(n_experts, N_HIDDEN, n_routed, init_std=0.01)
    return JointMoE(n_experts, N_HIDDEN, n_routed)


def training_of(n_pooled: int) -> SGD:
    """Return the training: to a loss of 0.03, B = 20, rate 0.2 per pooled patch."""
    return SGD(
        RATE * n_pooled,
        batch_size=BATCH_SIZE,
        n_steps=20_000,
        router_n_epochs=ROUTER_EPOCHS,
        stop_loss=STOP_LOSS,
    )


def networks(n: int) -> list[tuple[str, int, int]]:
    """Return (arm, l, k) of all networks tabulated for n patches.

    Joint training with l = 1 is left out, as its routers have no gradient, and l = 64. Separate
    training is tabulated for one pair of experts, since more pairs are routed alike.

    Examples
    --------
    >>> networks(16)[:3]
    [('dense', 16, 1), ('separate', 1, 2), ('separate', 2, 2)]
    """
    routed = [n_routed for n_routed in N_ROUTED if n_routed <= n // 2]
    separate = [("separate", n_routed, 2) for n_routed in routed]
    joint = [("joint", n_routed, k) for n_routed in routed if 1 < n_routed <= 32 for k in N_EXPERTS]
    return [("dense", n, 1), *separate, *joint]
