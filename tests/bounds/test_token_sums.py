"""Token choice without a capacity is a sum over patches, which the floor on clusters holds for."""

import numpy as np
import pytest

from moe_theory import SGD, ClusterSignal, PatchData, TokenChoiceMoE, train


@pytest.mark.parametrize(("n_chosen", "capacity"), [(1, None), (2, None), (1, 1)])
def test_token_choice_is_a_sum_over_patches_where_no_patch_is_dropped(n_chosen, capacity):
    data = ClusterSignal(3, 5, 8, scale=1.0).sample(30, 0)
    model = TokenChoiceMoE(3, 6, n_chosen, capacity, init_std=0.3, router_init_std=0.5)
    run = train(model, data, SGD(0.05, 30, n_steps=20, dtype="float64"), 1)
    # Five copies of a patch, without capacity, have its own share as their mean.
    copies = np.repeat(data.patches().reshape(150, 1, 8), 5, axis=1)
    shares = run.predict(PatchData.from_patches(copies, np.repeat(data.labels, 5)))
    sums = shares.reshape(30, 5).mean(axis=1)
    assert np.ptp(shares) > 0.01
    same = np.allclose(run.predict(data), sums, rtol=1e-9, atol=1e-12)
    assert same == (capacity is None)
