"""`footprint`: what a network takes to store and to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moe_theory._display import card
from moe_theory.inference.pruning import Pruning, working_experts
from moe_theory.inference.quantization import Quantization
from moe_theory.inference.quantizer import Quantizer
from moe_theory.inference.received import check_run
from moe_theory.training import TrainingRun


@dataclass(frozen=True)
class Footprint:
    """What a network takes to store and to run.

    Attributes
    ----------
    n_parameters : int
        Hidden weights, output weights and routers; of pruned experts, routers that stay.
    expert_bits : int
        Bits of the hidden weights, with what their grids store.
    other_bits : int
        Bits of output weights and routers, in full precision.
    flops : int
        Operations of one forward pass of one input, routing included; bits do not change them. An
        upper bound where patches or inputs may choose pruned experts.
    """

    n_parameters: int
    expert_bits: int
    other_bits: int
    flops: int

    @property
    def kilobytes(self) -> float:
        """All bits, in units of 8000."""
        return (self.expert_bits + self.other_bits) / 8000

    def _repr_html_(self) -> str:
        rows = {
            "parameters": self.n_parameters,
            "stored": f"{self.kilobytes:,.4g} kB",
            "of it hidden weights": f"{self.expert_bits / 8000:,.4g} kB",
            "operations per input": self.flops,
        }
        return card("Footprint", rows)


def footprint(run: TrainingRun) -> Footprint:
    """Count parameters, bits and operations of a network as it is after compression.

    Parameters
    ----------
    run : TrainingRun
        The network.

    Returns
    -------
    Footprint

    Notes
    -----
    Source: operations as derived in docs/theory/bounds.md; what is compressed as in P24 and P26.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> from moe_theory.inference import prune, quantize
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> run = train(JointMoE(4, 8, 3), data, SGD(1.0, 10, n_steps=5))
    >>> small = quantize(prune(run, 0.5), 4)
    >>> footprint(run).kilobytes, footprint(small).kilobytes
    (0.512, 0.132)
    >>> round(footprint(run).flops / footprint(small).flops, 2)
    2.0
    """
    check_run(run)
    model, weights = run.model, run.weights
    width = 8 * weights.experts.itemsize
    units = model.units_per_expert
    working = working_experts(run)
    n_hidden = units * int(working.sum())
    n_weights = n_hidden * run.patch_dim
    grids, bits = _stored(run)
    rest = [array.size for array in (weights.routers, weights.bias) if array is not None]
    n_others = n_hidden + sum(rest)
    # Token choice alone has a bias.
    biased: dict[str, Any] = {} if weights.bias is None else {"biased": True}
    if grids is None:
        expert_bits = n_weights * width
    else:
        stored = grids.stored_numbers(run.patch_dim) * width
        kept = [b for b, works in zip(bits, working, strict=True) if works]
        expert_bits = sum(units * (b * run.patch_dim + stored) for b in kept)
    return Footprint(
        n_parameters=n_weights + n_others,
        expert_bits=expert_bits,
        other_bits=n_others * width,
        flops=model.forward_flops(run.n_patches, run.patch_dim, int(working.sum()), **biased),
    )


def _stored(run: TrainingRun) -> tuple[Quantizer | None, tuple[int, ...]]:
    """Return the grids of the last quantization and the bits of the experts that are left."""
    grids: Quantizer | None = None
    bits: tuple[int, ...] = ()
    for step in run.compression:
        if isinstance(step, Quantization):
            grids, bits = step.quantizer, step.bits
        elif isinstance(step, Pruning) and grids is not None and not step.routers_kept:
            bits = tuple(bits[s] for s in step.kept)
    return grids, bits
