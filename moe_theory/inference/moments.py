"""What an expert receives, in second moments: what error-compensated rounding goes by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moe_theory._arithmetic import combine
from moe_theory._validation import read_only
from moe_theory.data.patch_data import PatchData
from moe_theory.inference.received import received_gates
from moe_theory.kernels.rounding import inverse_factor
from moe_theory.training import TrainingRun

# Added to the diagonal, in units of its mean, as GPTQ's authors do.
DAMPING = 0.01


def received_moments(run: TrainingRun, data: PatchData) -> NDArray[np.float64]:
    """Return E x xᵀ over the patches that each expert receives, shape (k, d, d).

    Parameters
    ----------
    run : TrainingRun
        The network.
    data : PatchData
        Calibration inputs.

    Returns
    -------
    array, shape (k, d, d)
        All 0 for an expert that receives nothing.

    Raises
    ------
    ValueError
        If n or d of ``data`` are not those of the training.
    DivergenceError
        If the training diverged.

    Examples
    --------
    >>> from moe_theory import SGD, JointMoE, PatchPatterns, train
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10).sample(20, seed=0)
    >>> received_moments(train(JointMoE(2, 4, 3), data, SGD(1.0, 10, n_steps=5)), data).shape
    (2, 10, 10)
    """
    taken = received_gates(run, data) > 0
    patterns = data.dictionary.astype(np.float64)
    moments = np.zeros((run.model.n_experts, data.patch_dim, data.patch_dim))
    for s in range(run.model.n_experts):
        counts = np.bincount(data.indices[taken[:, :, s]], minlength=len(patterns))
        if not (seen := np.flatnonzero(counts)).size:
            continue
        rows = patterns[seen]
        shares = counts[seen] / counts.sum()
        moments[s] = combine(np.ascontiguousarray((shares[:, None] * rows).T), rows)
    return moments


def compensation(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the upper triangular U with UᵀU = M⁻¹ of the damped second moments M, shape (d, d).

    Examples
    --------
    >>> compensation(np.diag([4.0, 0.0])).round(2)
    array([[0.5 , 0.  ],
           [0.  , 7.07]])
    """
    damped = moments.copy()
    mean = float(np.mean(np.diagonal(moments)))
    damped[np.diag_indices(len(moments))] += DAMPING * mean if mean > 0 else 1.0
    factor = np.empty_like(damped)
    if not inverse_factor(read_only(damped), factor):
        raise ValueError("moments must be those of patches: symmetric, with no negative direction")
    return factor
