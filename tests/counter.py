"""Scalar arithmetic that counts its operations."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Counter:
    """Scalar arithmetic that counts."""

    count: int = 0

    def add(self, a, b):
        self.count += 1
        return a + b

    def mul(self, a, b):
        self.count += 1
        return a * b

    def div(self, a, b):
        self.count += 1
        return a / b

    def exp(self, a):
        self.count += 1
        with np.errstate(over="ignore"):  # a slope of 0, as that of a large margin is
            return np.exp(a)

    def log(self, a):
        self.count += 1
        return np.log(a)

    def dot(self, a, b):
        total = 0.0
        for p, q in zip(a, b, strict=True):
            total = self.add(total, self.mul(p, q))
        return total
