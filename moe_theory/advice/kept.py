"""How often trained routers keep the patch that tells the label."""

from __future__ import annotations

import numpy as np

from moe_theory._blas import single_blas_thread
from moe_theory._random import stream
from moe_theory.advice.conventions import N_HIDDEN, training_of
from moe_theory.data.patterns import PatchPatterns
from moe_theory.models import SeparateMoE

N_SETS, N_FRESH = 25, 200


def kept_share(patterns: PatchPatterns, n_routed: int, n_train: int) -> float:
    """Return the share of fresh inputs whose discriminative patch the routers keep.

    Routers are those of 25 training sets drawn: of the linear loss, whose gradient is constant, so
    that they are sums of the patches. Unlike `router_success` it takes closer patterns, too.

    Examples
    --------
    >>> patterns = PatchPatterns(n_patches=16, n_irrelevant=64, patch_dim=66, n_closer=(1, 1))
    >>> few, many = (kept_share(patterns, n_routed, n_train=20) for n_routed in (1, 4))
    >>> few < many <= 1
    True
    """
    sgd = training_of(n_routed)
    start_std = SeparateMoE(2, N_HIDDEN, n_routed).router_init_std
    reach = sgd.router_rate * sgd.router_steps(n_train)
    kept = []
    for seed in range(N_SETS):
        train = patterns.sample(n_train, seed)
        fresh = patterns.sample(N_FRESH, seed, split="test")
        signs = np.broadcast_to(train.labels[:, None], train.indices.shape)
        sums = np.bincount(train.indices.ravel(), signs.ravel(), train.n_patterns) / n_train
        start = stream(seed, "advice routers").standard_normal((2, patterns.patch_dim))
        with single_blas_thread():
            learned = train.dictionary @ (sums @ train.dictionary)
            first = start_std / reach * start @ train.dictionary.T
        # Router 1 is meant for y = +1, router 2 for y = −1.
        scores = np.stack([learned, -learned]) + first
        own = scores[(fresh.labels < 0).astype(int)[:, None], fresh.indices]
        ahead = own > own[np.arange(N_FRESH), fresh.positions][:, None]
        kept.append((ahead.sum(axis=1) < n_routed).mean())
    return float(np.mean(kept))
