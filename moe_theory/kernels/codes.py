"""Numbers that kernels take for choices; here, so that settings need no compiler to name them."""

LOGISTIC = 0
HINGE = 1

RELU = 0
CUBIC = 1
LINEAR = 2

SOFTMAX = 0
SIGMOID = 1
