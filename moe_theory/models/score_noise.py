"""Noise on the scores by which experts are chosen."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from moe_theory._random import normals
from moe_theory._validation import choice, real, set_fields

Noise = Literal["uniform", "gaussian", "none"]
# Noise below this does not rule over rounding of the scores.
LEAST_NOISE = 1e-6


class NoisyScores:
    """The law of the noise, and its draws."""

    n_experts: int
    noise: Noise
    noise_scale: float

    def check_noise(self) -> None:
        """Raise ``ValueError`` if a value is impossible."""
        set_fields(
            self,
            noise=choice("noise", self.noise, ("uniform", "gaussian", "none")),
            noise_scale=real("noise_scale", self.noise_scale, 0.0, open_low=True),
        )

    @property
    def is_noisy(self) -> bool:
        """Whether there is noise that rules over rounding."""
        return self.noise != "none" and self.noise_scale >= LEAST_NOISE

    def n_scores(self, n_patches: int) -> int:
        """Return how many scores one input has, n·k."""
        return n_patches * self.n_experts

    def next_noise(self, n_inputs: int, n_patches: int, rng: Generator) -> NDArray[np.float64]:
        """Return the noise of the scores of the next inputs, one row each; zeros without noise."""
        shape = n_inputs, self.n_scores(n_patches)
        if self.noise == "none":
            return np.zeros(shape)
        drawn = rng.random(shape) if self.noise == "uniform" else normals(rng, shape)
        return self.noise_scale * drawn
