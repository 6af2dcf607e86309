"""Strategies that draw parameters within the assumptions of the theory."""

from hypothesis import strategies as st


@st.composite
def values(draw, largest=64):
    """Sizes with l ≤ n and k ≤ m, ε and δ_d inside their intervals; l = n and k = m occur."""
    n = draw(st.integers(1, largest))
    m = draw(st.integers(1, largest))
    return {
        "n_patches": n,
        "n_routed": draw(st.integers(1, n)),
        "n_hidden": m,
        "n_experts": draw(st.integers(1, m)),
        "patch_dim": draw(st.integers(1, largest)),
        "batch_size": draw(st.integers(1, largest)),
        "epsilon": draw(st.floats(0.01, 0.99)),
        "delta_d": draw(st.floats(-0.9, 0.9)),
        "gamma": draw(st.floats(0.01, 0.99)),
        "l_star": 1,
    }
