"""The parameters of the theory: sympy symbols, their names in code and what is assumed of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from moe_theory._validation import instance, reject


@lru_cache(maxsize=512)
def compiled(expression: sp.Basic, symbols: tuple[sp.Symbol, ...]) -> Callable[..., Any]:
    """Return ``expression`` as a function of numbers or arrays."""
    function: Callable[..., Any] = sp.lambdify(symbols, expression, "numpy")
    return function


@dataclass(frozen=True)
class Parameter:
    """One quantity on which bounds and costs depend.

    Attributes
    ----------
    name : str
        Its name in code, as in the table of notation in docs/theory/index.md.
    symbol : sympy.Symbol
        Its symbol, with sympy's assumptions.
    meaning : str
        What it is.
    low, high : float
        Limits of its values.
    open : bool
        Whether the limits themselves are excluded.
    scale : sympy.Expr
        What is measured on a logarithmic axis: the symbol itself, or 1 − δ_d for δ_d.
    limit : sympy.Expr
        Where the symbol goes in the regime that asymptotic statements speak of.
    """

    name: str
    symbol: sp.Symbol
    meaning: str
    low: float = 1.0
    high: float = np.inf
    open: bool = False
    scale: sp.Expr = field(default=None)
    limit: sp.Expr = sp.oo

    def __post_init__(self) -> None:
        if self.scale is None:
            object.__setattr__(self, "scale", self.symbol)

    @property
    def towards(self) -> int:
        """+1 if the scale grows in the asymptotic regime, −1 if it shrinks to 0."""
        return 1 if self.limit == sp.oo else -1

    def scaled(self, values: Any) -> NDArray[np.float64]:
        """Return the scale at ``values`` of the symbol."""
        function = compiled(self.scale, (self.symbol,))
        return np.asarray(function(np.asarray(values, np.float64)), np.float64)

    def check(self, value: Any) -> Any:
        """Return ``value``, a number or an array, if all of it is allowed.

        Python integers stay integers, so that polynomials of them are exact.
        """
        array = np.asarray(value)
        if isinstance(value, int) and array.dtype.kind == "O":
            raise reject(self.name, value, f"below 2⁶⁴, or a float, with {self.assumption}")
        if array.dtype.kind not in "iuf":
            raise reject(self.name, value, f"a real number or array with {self.assumption}")
        below = array <= self.low if self.open else array < self.low
        above = array >= self.high if self.open else array > self.high
        wrong = ~np.isfinite(array) | below | above
        if wrong.any():
            raise reject(self.name, array[wrong].ravel()[0].item(), f"such that {self.assumption}")
        if array.ndim:
            return array.astype(np.float64)
        return array.item()

    @property
    def assumption(self) -> str:
        """The limits in words, such as ``0 < ε < 1``."""
        less = "<" if self.open else "<="
        low = "" if np.isinf(self.low) else f"{self.low:g} {less} "
        high = "" if np.isinf(self.high) else f" {less} {self.high:g}"
        return f"{low}{PLAIN.get(self.symbol.name, self.symbol.name)}{high}"


@dataclass(frozen=True)
class Assumption:
    """A relation between parameters, such as l ≤ n."""

    relation: sp.Rel
    text: str

    def check(self, values: Mapping[sp.Symbol, Any]) -> None:
        """Raise ``ValueError`` where the relation fails; symbols not in ``values`` are free."""
        symbols = sorted(self.relation.free_symbols, key=str)
        if not all(symbol in values for symbol in symbols):
            return
        given = [values[symbol] for symbol in symbols]
        holds = np.asarray(compiled(self.relation, tuple(symbols))(*given))
        if not holds.all():
            arrays = np.broadcast_arrays(*given)
            first = tuple(np.argwhere(~holds)[0]) if holds.ndim else ()
            got = ", ".join(
                f"{BY_SYMBOL[symbol].name} = {array[first]:g}"
                for symbol, array in zip(symbols, arrays, strict=True)
            )
            raise ValueError(f"{self.text} must hold; got {got}")


def _size(name: str, letter: str, meaning: str, *, low: float = 1.0) -> Parameter:
    return Parameter(name, sp.Symbol(letter, integer=True, positive=True), meaning, low)


def _small(name: str, letter: str, meaning: str) -> Parameter:
    symbol = sp.Symbol(letter, positive=True)
    return Parameter(name, symbol, meaning, 0.0, open=True, limit=sp.Integer(0))


# How symbols are written in plain text and in LaTeX, where their sympy name is not enough.
PLAIN = {
    "epsilon": "ε", "delta_d": "δ_d", "gamma": "γ", "l_star": "l*", "eta": "η",
    "sigma_0": "σ₀", "Delta_h": "Δ_h",
}  # fmt: skip
LATEX = {"epsilon": r"\varepsilon", "delta_d": r"\delta_d", "l_star": r"l^{\ast}"}

_gamma = sp.Symbol("gamma", positive=True)
_delta = sp.Symbol("delta_d", real=True)

PARAMETERS: tuple[Parameter, ...] = (
    _size("n_patches", "n", "patches per input"),
    _size("patch_dim", "d", "dimension of one patch"),
    _size("n_routed", "l", "patches that each expert receives"),
    _size("n_experts", "k", "experts"),
    _size("n_hidden", "m", "hidden units in all"),
    _size("n_train", "N", "training samples"),
    _size("n_clusters", "K", "clusters of inputs", low=2.0),
    _size("n_irrelevant", "p", "irrelevant patterns"),
    _size("batch_size", "B", "samples of one batch"),
    _size("n_steps", "T", "steps of SGD"),
    _size("n_visits", "V", "samples visited in all steps, the sum of the batch sizes"),
    _size("router_n_train", "N_r", "samples that train separate routers"),
    _size("router_batch_size", "B_r", "samples of one batch of router training"),
    _size("router_n_steps", "T_r", "steps of separate router training"),
    _size("router_n_visits", "V_r", "samples visited in all steps of router training"),
    _size("l_star", "l_star", "least l at which aligned routers keep the discriminative patch"),
    Parameter(
        "epsilon", sp.Symbol("epsilon", positive=True), "generalization error",
        0.0, 1.0, True, limit=sp.Integer(0),
    ),
    Parameter(
        "delta_d", _delta, "similarity ⟨o₁, o₂⟩ of the discriminative patterns",
        -1.0, 1.0, True, 1 - _delta, sp.Integer(1),
    ),
    Parameter(
        "gamma", _gamma, "fraction of experts irrelevant to the task",
        0.0, 1.0, True, 1 - _gamma, sp.Integer(1),
    ),
    _small("learning_rate", "eta", "learning rate"),
    _small("init_std", "sigma_0", "standard deviation of initial weights"),
    _small("score_change", "Delta_h", "largest difference of two routers' scores, max |h − ĥ|"),
)  # fmt: skip

BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
BY_SYMBOL = {parameter.symbol: parameter for parameter in PARAMETERS}
SYMBOL = {parameter.name: parameter.symbol for parameter in PARAMETERS}

# (smaller, larger): l ≤ n and k ≤ m.
ORDERED = (("n_routed", "n_patches"), ("n_experts", "n_hidden"))

ASSUMPTIONS: tuple[Assumption, ...] = (
    Assumption(sp.Le(SYMBOL["n_routed"], SYMBOL["n_patches"]), "l <= n"),
    Assumption(sp.Le(SYMBOL["n_experts"], SYMBOL["n_hidden"]), "k <= m"),
    Assumption(sp.Le(SYMBOL["l_star"], SYMBOL["n_patches"]), "l* <= n"),
)


def parameter(key: str | sp.Symbol) -> Parameter:
    """Return the parameter with this name in code, letter or symbol.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> parameter("n_routed").symbol, parameter("l").name, parameter("epsilon").assumption
    (l, 'n_routed', '0 < ε < 1')
    """
    instance("key", key, (str, sp.Symbol), "a name, a letter or a symbol")
    for known in PARAMETERS:
        if key in (known.name, known.symbol, known.symbol.name, PLAIN.get(known.symbol.name)):
            return known
    raise reject("parameter", str(key), "one of " + ", ".join(BY_NAME))


def check_values(
    values: Mapping[str, Any], extra: tuple[Assumption, ...] = ()
) -> dict[sp.Symbol, Any]:
    """Return ``values``, by name in code, as values of symbols that meet every assumption.

    Raises
    ------
    ValueError
        Naming the assumption that fails, or the name that is not known.

    Examples
    --------
    >>> check_values({"n_routed": 9, "n_patches": 4})
    Traceback (most recent call last):
    ...
    ValueError: l <= n must hold; got n_routed = 9, n_patches = 4
    """
    names: dict[sp.Symbol, str] = {}
    for name in values:
        first = names.setdefault(parameter(name).symbol, name)
        if first != name:
            raise ValueError(f"{first} and {name} are the same parameter; give one of them")
    checked = {parameter(name).symbol: parameter(name).check(v) for name, v in values.items()}
    for assumption in (*ASSUMPTIONS, *extra):
        assumption.check(checked)
    return checked


def as_sums_of_positives(expression: sp.Expr) -> sp.Expr:
    """Write ``expression`` in variables ≥ 0 that are free of all limits and assumptions.

    Sizes become 1 + x, n = l + x, m = k + x, and numbers in (0, 1) become 1/(1 + x).
    """
    replaced: dict[sp.Symbol, sp.Expr] = {}
    for known in PARAMETERS:
        x = sp.Symbol(f"x_{known.name}", nonnegative=True)
        if known.high == np.inf:
            replaced[known.symbol] = sp.nsimplify(known.low) + x
        else:
            width = sp.nsimplify(known.high - known.low)
            replaced[known.symbol] = sp.nsimplify(known.high) - width / (1 + x)
    for smaller, larger in ORDERED:
        x = sp.Symbol(f"x_{larger}", nonnegative=True)
        replaced[SYMBOL[larger]] = replaced[SYMBOL[smaller]] + x
    return sp.sympify(expression).subs(replaced, simultaneous=True)
