"""Operations of a network in which patches choose experts."""

from __future__ import annotations

from typing import Any

from moe_theory._validation import instance
from moe_theory.costs.counting import counted
from moe_theory.costs.options import PLAIN_STEP, PLAIN_TOKENS, StepParts, TokenOptions
from moe_theory.costs.sgd_step import loss_slope


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
    options: TokenOptions = PLAIN_TOKENS,
    biased: bool = False,
) -> Any:
    """Operations of a network in which patches choose experts.

    Parameters
    ----------
    batch_size, n_patches, n_chosen, n_pairs, n_experts, units_per_expert, patch_dim
        As for `moe_theory.costs.token_step`.
    options : TokenOptions
        As for `moe_theory.costs.token_step`.
    biased : bool
        Whether there is a bias of the choice.

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
    instance("options", options, TokenOptions, "TokenOptions")
    visits = batch_size * n_patches
    paired, shared = batch_size * n_pairs, visits * options.n_shared
    pooled = (paired + shared) * units_per_expert
    scored = visits * n_experts
    total = 2 * scored * patch_dim + 2 * pooled * patch_dim + 2 * pooled
    total += 2 * paired + shared + visits + batch_size
    total += options.gates(scored, visits * n_chosen, all_gates=options.spread or biased)
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
    loss: str = "logistic",
    options: TokenOptions = PLAIN_TOKENS,
    parts: StepParts = PLAIN_STEP,
) -> Any:
    """Operations of one step of training in which patches choose experts.

    Parameters
    ----------
    batch_size, n_patches, n_chosen, n_experts, patch_dim : int or sympy expression
        B, n, c, k, d.
    n_pairs : int or sympy expression
        E, the number of patches of one input that all experts with routers receive together: nc
        where no patch is dropped.
    units_per_expert : int or sympy expression
        u.
    loss : {"logistic", "hinge"}
        The training loss.
    options : TokenOptions
        Gates, shared experts, and whether there is noise.
    parts : StepParts
        Which losses there are besides that of the data, and whether there is a bias of the choice.

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
    instance("options", options, TokenOptions, "TokenOptions")
    instance("parts", parts, StepParts, "StepParts")
    visits = batch_size * n_patches
    scored, chosen, paired = visits * n_experts, visits * n_chosen, batch_size * n_pairs
    pooled = (paired + visits * options.n_shared) * units_per_expert
    total = token_forward(
        batch_size=batch_size,
        n_patches=n_patches,
        n_chosen=n_chosen,
        n_pairs=n_pairs,
        n_experts=n_experts,
        units_per_expert=units_per_expert,
        patch_dim=patch_dim,
        options=options,
        biased=parts.biased,
    )
    total += loss_slope(loss) * batch_size + pooled + 2 * pooled * patch_dim
    total += 2 * ((n_experts + options.n_shared) * units_per_expert + n_experts) * patch_dim
    sloped, own = options.slopes(scored, chosen, paired)
    total += own
    if parts.balanced or parts.z_loss:
        sloped, counted_all = scored, options.spread or parts.biased
        total += options.gates(scored, chosen, all_gates=True)
        total -= options.gates(scored, chosen, all_gates=counted_all)
    total += 2 * sloped * patch_dim
    if options.noisy:
        total += scored
    if parts.balanced:
        total += 2 * n_experts + 2 + (5 if options.gate == "softmax" else 9) * scored
    if parts.z_loss:
        total += 2 + 2 * scored + 3 * visits
    return total + n_experts if parts.biased else total
