"""What is predicted for one network: N*(ε) and steps, or the reason why nothing is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Predicted:
    """Predicted N*(ε) and steps of one network.

    Attributes
    ----------
    arm : {"dense", "separate", "joint"}
    n_routed, n_experts : int
        l and k; n and 1 for the dense network.
    samples : float
        N*(ε); infinite if no N tried reaches ε.
    steps : float
        Steps of SGD to the final loss at N*.
    standard_error : float
        Of log N*, from the trainings that a direct prediction draws; 0 from the table, whose draws
        are part of how far it is off.
    at_most : bool
        Whether the fewest samples that are predicted reach ε, so that N* may be less.
    cautions : tuple of str
        What the prediction warns of near N*.

    Examples
    --------
    >>> Predicted("separate", 2, 2, samples=11.3, steps=420.0).samples
    11.3
    """

    arm: str
    n_routed: int
    n_experts: int
    samples: float
    steps: float
    standard_error: float = 0.0
    at_most: bool = False
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoPrediction:
    """A network of which nothing is predicted, and why.

    Attributes
    ----------
    arm : {"dense", "separate", "joint"}
    n_routed, n_experts : int
        l and k; n and 1 for the dense network.
    reason : str
        The assumption that fails, or that no N tried reaches ε.

    Examples
    --------
    >>> print(NoPrediction("joint", 8, 2, "delta_d must be 0"))
    joint, l = 8, k = 2: delta_d must be 0
    """

    arm: str
    n_routed: int
    n_experts: int
    reason: str

    def __str__(self) -> str:
        return f"{name_of(self.arm, self.n_routed, self.n_experts)}: {self.reason}"


def name_of(arm: str, n_routed: int, n_experts: int) -> str:
    """Return a network in words.

    Examples
    --------
    >>> name_of("separate", 4, 2)
    'separate, l = 4'
    """
    if arm == "dense":
        return "dense"
    experts = f", k = {n_experts}" if arm == "joint" else ""
    return f"{arm}, l = {n_routed}{experts}"


def grouped(refused: tuple[NoPrediction, ...]) -> list[str]:
    """Return one line for each reason, with the networks that it holds for.

    Examples
    --------
    >>> none = [NoPrediction("joint", l, k, "classes differ") for l in (4, 8) for k in (2, 8)]
    >>> grouped((*none, NoPrediction("separate", 1, 2, "ε is out of reach")))
    ['joint, l = 4, 8: classes differ', 'separate, l = 1: ε is out of reach']
    """
    routed: dict[tuple[str, str], set[int]] = {}
    every: dict[tuple[str, int, str], set[int]] = {}
    for none in refused:
        routed.setdefault((none.arm, none.reason), set()).add(none.n_routed)
        every.setdefault((none.arm, none.n_routed, none.reason), set()).add(none.n_experts)
    lines = []
    for (arm, reason), sizes in routed.items():
        experts = {tuple(sorted(every[arm, size, reason])) for size in sizes}
        if arm == "dense":
            lines.append(f"dense: {reason}")
        elif arm == "separate" or (len(experts) == 1 and len(min(experts)) > 1):
            lines.append(f"{arm}, l = {_listed(sizes)}: {reason}")
        else:
            own = ((size, every[arm, size, reason]) for size in sorted(sizes))
            lines += [f"{arm}, l = {size}, k = {_listed(of)}: {reason}" for size, of in own]
    return lines


def _listed(numbers: set[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
