"""The search for N*(ε), the number of samples at which a predicted error falls to ε."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from moe_theory._validation import reject
from moe_theory.predictions.predicted_error import PredictedError

Found = TypeVar("Found", bound=PredictedError)


def bracket(
    predict: Callable[[int], Found], epsilon: float, fewest: int, most: int, resolution: float
) -> tuple[int, int, dict[int, Found]]:
    """Return two even numbers of samples around N*, and what was predicted on the way, by N.

    They are the same if ``fewest`` samples are enough.

    Parameters
    ----------
    predict : callable
        Takes N, an even number.
    epsilon : float
        ε.
    fewest, most : int
        The search begins at ``fewest``, and doubles N up to ``most``.
    resolution : float
        It ends as soon as N* lies between numbers that differ by 2, or by this share: smaller
        steps would be lost in the noise of the predictions.

    Raises
    ------
    ValueError
        If ``most`` samples are not enough.

    Examples
    --------
    >>> below, above, _ = bracket(lambda n: PredictedError(2 / n, 2 / n, 2 / n), 0.03, 4, 512, 0.1)
    >>> below, above
    (64, 70)
    """
    few, many = fewest, 2 * fewest
    found = {few: predict(few)}
    if found[few].error <= epsilon:
        return few, few, found
    while found.setdefault(many, predict(many)).error > epsilon:
        few, many = many, 2 * many
        if many > most:
            raise reject("epsilon", epsilon, f"an error that {most} samples can reach")
    while many - few > max(2, resolution * few):
        middle = 2 * round(math.sqrt(few * many) / 2)
        found[middle] = predict(middle)
        if found[middle].error > epsilon:
            few = middle
        else:
            many = middle
    return few, many, found
