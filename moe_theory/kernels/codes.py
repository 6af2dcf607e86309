"""Numbers that kernels take for choices; here, so that settings need no compiler to name them."""

LOGISTIC = 0
HINGE = 1
