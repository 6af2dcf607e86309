"""What the flows take for granted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moe_theory._validation import reject
from moe_theory.data.patch_data import PatchData
from moe_theory.data.patterns import PatchPatterns

MAX_PATTERNS = 4096


def check_finite_law(patterns: PatchPatterns) -> None:
    """Raise ``ValueError`` unless irrelevant patches are independent draws of a finite set."""
    if patterns.spread > 0:
        raise reject("spread", patterns.spread, "0: the flow lives on a finite dictionary")
    if patterns.max_closer is not None:
        allowed = 'None: a limit makes patches dependent; take method="sample"'
        raise reject("max_closer", patterns.max_closer, allowed)


def check_dictionary(dictionary: NDArray[np.floating]) -> None:
    """Raise ``ValueError`` if the flow would carry too many numbers."""
    if len(dictionary) > MAX_PATTERNS:
        allowed = f"at most {MAX_PATTERNS}: a flow carries m + k numbers for each pattern"
        raise reject("the number of patterns", len(dictionary), allowed)


def check_same_dictionary(name: str, other: PatchData, dictionary: NDArray[np.floating]) -> None:
    """Raise ``ValueError`` unless ``other`` is made of the patterns of the flow."""
    if not np.array_equal(other.dictionary, dictionary):
        allowed = "the dictionary of the training data: the flow knows products with it alone"
        raise reject(f"{name}.dictionary", other.dictionary.shape, allowed)
