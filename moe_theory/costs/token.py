"""Operations of a network in which patches choose experts."""

from __future__ import annotations

from typing import Any

from moe_theory._validation import choice
from moe_theory.costs.counting import counted
from moe_theory.costs.sgd_step import loss_slope

# Operations of one gate before it is divided by the sum of the chosen ones.
AFFINITY = {"softmax": 4, "sigmoid": 3}


@counted
def token_forward(
    *,
    batch_size: Any,
    n_patches: Any,
    n_chosen: Any,
    n_pairs: Any,
    n_experts: Any,
    units_per_expert: Any,
    patch_dim: Any,
    n_shared: Any = 0,
    gate: str = "softmax",
    renormalize: bool = False,
    biased: bool = False,
) -> Any:
    """Operations of a network in which patches choose experts.

    Parameters
    ----------
    batch_size, n_patches, n_chosen, n_pairs, n_experts, units_per_expert, patch_dim
        As for `moe_theory.costs.token_step`.
    n_shared, gate, renormalize, biased
        As for `moe_theory.costs.token_step`.

    Notes
    -----
    Scores 2Bnkd, softmax 4Bnk, pre-activations 2BEud, patch values 2BEu, gating 2BE, sum over
    patches Bn, scale B. Each shared expert takes Bn(2ud + 2u + 1). A sigmoid takes 3. Gates that
    are sigmoids or renormalised are those of c experts per patch, not k, unless all are needed; a
    renormalised softmax is then taken over c scores, and other gates take 2Bnc for their sum and
    quotients. A bias takes Bnk, and gates of all experts. Source: derived in
    docs/theory/bounds.md.

    Examples
    --------
    >>> sizes = dict(batch_size=1, n_patches=1, n_chosen=1, n_pairs=1, patch_dim=1)
    >>> token_forward(**sizes, n_experts=1, units_per_expert=1)
    14
    """
    choice("gate", gate, tuple(AFFINITY))
    visits = batch_size * n_patches
    paired, shared = batch_size * n_pairs, visits * n_shared
    pooled = (paired + shared) * units_per_expert
    scored = visits * n_experts
    total = 2 * scored * patch_dim + 2 * pooled * patch_dim + 2 * pooled
    total += 2 * paired + shared + visits + batch_size
    all_gates = _spread(gate, renormalize) or biased
    total += _gates(scored, visits * n_chosen, gate, renormalize, all_gates=all_gates)
    return total + scored if biased else total


@counted
def token_step(
    *,
    batch_size: Any,
    n_patches: Any,
    n_chosen: Any,
    n_pairs: Any,
    n_experts: Any,
    units_per_expert: Any,
    patch_dim: Any,
    n_shared: Any = 0,
    loss: str = "logistic",
    gate: str = "softmax",
    renormalize: bool = False,
    noisy: bool = False,
    balanced: bool = False,
    z_loss: bool = False,
    biased: bool = False,
) -> Any:
    """Operations of one step of training in which patches choose experts.

    Parameters
    ----------
    batch_size, n_patches, n_chosen, n_experts, patch_dim : int or sympy expression
        B, n, c, k, d.
    n_pairs : int or sympy expression
        E, the number of patches of one input that all experts with routers receive together: nc
        where no patch is dropped.
    units_per_expert, n_shared : int or sympy expression
        u, and the number of experts that receive every patch.
    loss : {"logistic", "hinge"}
        The training loss.
    gate : {"softmax", "sigmoid"}
        What the gates of a patch are.
    renormalize : bool
        Whether those of the chosen experts are divided by their sum.
    noisy, balanced, z_loss, biased : bool
        Whether noise is added to scores, whose drawing is not counted, and whether there is a
        balance loss, a z-loss, or a bias of the choice, which moves.

    Notes
    -----
    Forward as in `token_forward`, and noise Bnk. Backward: slope of the loss and its three factors,
    slopes of units (BE + Bns)u with s shared experts, gradients 2(BE + Bns)ud + 2Hd, updates
    2(k + s)ud + 2kd. H scores have a slope, with which the gates take

    - softmax: H = Bnk, and 2Bnk + BE;
    - renormalised softmax: H = Bnc, and 2Bnc + BE;
    - sigmoid: H = BE, and 4BE;
    - renormalised sigmoid: H = Bnc, and 4Bnc + BE.

    With balance loss or z-loss H = Bnk, and all gates are needed. The balance loss takes 2k + 2 for
    weighted shares and 5Bnk for slopes, and 4Bnk more of sigmoids. The z-loss takes
    2 + Bn(2k + 3), a logarithm per patch among them, and the bias k to move. Source: derived in
    docs/theory/bounds.md.

    Examples
    --------
    >>> sizes = dict(batch_size=1, n_patches=1, n_chosen=1, n_pairs=1, patch_dim=1)
    >>> token_step(**sizes, n_experts=1, units_per_expert=1)
    33
    """
    visits = batch_size * n_patches
    scored, chosen, paired = visits * n_experts, visits * n_chosen, batch_size * n_pairs
    pooled = (paired + visits * n_shared) * units_per_expert
    total = token_forward(
        batch_size=batch_size,
        n_patches=n_patches,
        n_chosen=n_chosen,
        n_pairs=n_pairs,
        n_experts=n_experts,
        units_per_expert=units_per_expert,
        patch_dim=patch_dim,
        n_shared=n_shared,
        gate=gate,
        renormalize=renormalize,
        biased=biased,
    )
    total += loss_slope(loss) * batch_size + pooled + 2 * pooled * patch_dim
    total += 2 * ((n_experts + n_shared) * units_per_expert + n_experts) * patch_dim
    sloped, own = _slopes(scored, chosen, paired, gate, renormalize)
    total += own
    if balanced or z_loss:
        sloped, counted_all = scored, _spread(gate, renormalize) or biased
        total += _gates(scored, chosen, gate, renormalize, all_gates=True)
        total -= _gates(scored, chosen, gate, renormalize, all_gates=counted_all)
    total += 2 * sloped * patch_dim
    if noisy:
        total += scored
    if balanced:
        total += 2 * n_experts + 2 + (5 if gate == "softmax" else 9) * scored
    if z_loss:
        total += 2 + 2 * scored + 3 * visits
    return total + n_experts if biased else total


def _spread(gate: str, renormalize: bool) -> bool:
    """Return whether a gate depends on the scores of all experts."""
    return gate == "softmax" and not renormalize


def _gates(scored: Any, chosen: Any, gate: str, renormalize: bool, *, all_gates: bool) -> Any:
    """Return the operations of gates, of all experts or of those that patches have chosen."""
    total = AFFINITY[gate] * (scored if all_gates else chosen)
    # A softmax over the chosen scores is divided by their sum already.
    divided = renormalize and (all_gates or gate == "sigmoid")
    return total + 2 * chosen if divided else total


def _slopes(scored: Any, chosen: Any, paired: Any, gate: str, renormalize: bool) -> tuple[Any, Any]:
    """Return how many scores have a slope of the data loss, and the operations of the slopes."""
    if gate == "softmax":
        sloped = chosen if renormalize else scored
        return sloped, 2 * sloped + paired
    return (chosen, 4 * chosen + paired) if renormalize else (paired, 4 * paired)
