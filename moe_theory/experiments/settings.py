"""`Setting`: one cell of an experiment, and `grid`, which makes many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any

import numpy as np

from moe_theory._validation import integer, reject, set_fields
from moe_theory.data import DataModel
from moe_theory.models import Model, SeparateMoE
from moe_theory.training import SGD

Label = str | int | float | bool | None
At = Mapping[str, Any]
RESERVED = ("n_train", "draw", "diverged", "_setting", "_made", "_store", "_crc32")


@dataclass(frozen=True, eq=False)
class Setting:
    """What is trained, on how many samples of what, and what a table calls it.

    Parameters
    ----------
    labels : mapping of str to str, int, float, bool or None
        Columns that tell this setting from others; N has a column of its own.
    data : data model
        Anything with ``n_patches`` and ``sample(n_samples, seed, split=...)``.
    model : DenseCNN, SeparateMoE, JointMoE or TokenChoiceMoE
        The architecture.
    sgd : SGD
        How it is trained.
    n_train : int
        N.
    n_router : int, optional
        Router samples where ``sgd.router_samples`` is "held_out"; by default N. They come from
        split "train" of another seed.
    group : str
        Settings of one group see the same draws of the same data, so that their differences are
        paired; draws of different groups are independent.

    Raises
    ------
    ValueError
        If a value is impossible, or model and data do not fit together.

    Examples
    --------
    >>> from moe_theory.data import PatchPatterns
    >>> from moe_theory.models import DenseCNN
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
    >>> Setting({"arm": "dense"}, data, DenseCNN(4), SGD(1.0, 10, n_steps=50), 20).at(40).n_train
    40
    """

    labels: Mapping[str, Label]
    data: DataModel
    model: Model
    sgd: SGD
    n_train: int
    n_router: int | None = None
    group: str = ""

    def __post_init__(self) -> None:
        for name, kind in (("data", DataModel), ("model", Model), ("sgd", SGD)):
            if not isinstance(getattr(self, name), kind):
                raise reject(name, getattr(self, name), f"a {getattr(kind, '__name__', 'model')}")
        set_fields(
            self,
            labels={name: _label(name, value) for name, value in self.labels.items()},
            n_train=integer("n_train", self.n_train, 1),
        )
        if not isinstance(self.group, str):
            raise reject("group", self.group, "a string")
        if self.n_router is not None:
            if not self.holds_out_routers:
                allowed = 'None unless a SeparateMoE has router_samples="held_out"'
                raise reject("n_router", self.n_router, allowed)
            set_fields(self, n_router=integer("n_router", self.n_router, 1))
        self.model.routed(self.data.n_patches)

    @property
    def holds_out_routers(self) -> bool:
        """Whether routers are trained on samples of their own."""
        return isinstance(self.model, SeparateMoE) and self.sgd.router_samples == "held_out"

    @property
    def holds_out_part(self) -> bool:
        """Whether routers are trained on a part of the training samples."""
        return isinstance(self.model, SeparateMoE) and self.sgd.router_samples == "split"

    @property
    def cost(self) -> float:
        """Size of one training, to schedule long ones first."""
        samples = self.sgd.steps(self.n_train) * min(self.sgd.batch_size, self.n_train)
        patches = self.model.routed(self.data.n_patches)
        return float(samples * patches * self.model.n_hidden)

    def at(self, n_train: int) -> Setting:
        """Return this setting with N = ``n_train``."""
        return replace(self, n_train=n_train)


def grid(
    data: DataModel,
    arms: Mapping[str, Model | tuple[Model, SGD]],
    sgd: SGD | None = None,
    *,
    n_train: int | Sequence[int] = 100,
    axes: Mapping[str | tuple[str, ...], Sequence[Any]] | None = None,
    links: Mapping[str, Callable[[At], Any]] | None = None,
    where: Callable[[At], bool] | None = None,
    labels: Mapping[str, Label] | None = None,
) -> tuple[Setting, ...]:
    """Return the product of axes over fields of data, model and SGD, for every arm.

    Parameters
    ----------
    data : data model
        A dataclass; its fields are what the axes do not say otherwise.
    arms : mapping of str to model, or to (model, SGD)
        Networks by their value in column ``arm``.
    sgd : SGD, optional
        For arms that bring none.
    n_train : int or sequence of int
        The values of N.
    axes : mapping
        Values of dotted fields such as ``"data.n_patches"``, ``"model.n_routed"``,
        ``"sgd.learning_rate"``. A tuple of fields takes tuples of values: they go together. A
        field that the model of an arm lacks is left out for this arm, and its label is None.
        Column names are the last parts, such as ``n_patches``.
    links : mapping of dotted field to callable
        Fields that follow from others. The callable receives the values by their dotted names,
        also ``"n_train"``, ``"arm"`` and ``"n_pooled"``, the number of patches over which the
        network takes the mean; later links see the values of earlier ones.
    where : callable, optional
        Which combinations to keep; it receives what links do, after all links.

    labels : mapping, optional
        Further columns, the same for all settings.

    Returns
    -------
    tuple of Setting
        Last axis fastest; for each point all arms; N slowest.

    Raises
    ------
    ValueError
        If a field does not exist, a combination is impossible or none is left.

    Examples
    --------
    >>> from moe_theory.data import PatchPatterns
    >>> from moe_theory.models import DenseCNN, SeparateMoE
    >>> settings = grid(
    ...     PatchPatterns(n_patches=8, n_irrelevant=32, patch_dim=34),
    ...     {"dense": DenseCNN(8), "separate": SeparateMoE(2, 8, 2)},
    ...     SGD(1.0, batch_size=20, n_steps=100),
    ...     n_train=(20, 40),
    ...     axes={"data.n_patches": (8, 16), "data.n_irrelevant": (32, 64)},
    ...     links={"data.patch_dim": lambda at: at["data.n_irrelevant"] + 2,
    ...            "sgd.learning_rate": lambda at: 0.2 * at["n_pooled"]})
    >>> len(settings), settings[-1].data.patch_dim, settings[-2].sgd.learning_rate
    (16, 66, 3.2)
    """
    named = {arm: _pair(arm, given, sgd) for arm, given in arms.items()}
    sizes = n_train if isinstance(n_train, Sequence) else (n_train,)
    axes, links = axes or {}, links or {}
    _check_fields([*_flat(axes), *links], data, named)
    made: dict[Any, Setting] = {}
    for size in sizes:
        for point in _points(axes):
            for arm, (model, own_sgd) in named.items():
                parts = {"data": data, "model": model, "sgd": own_sgd}
                here = {name: v if _has(parts, name) else None for name, v in point.items()}
                at = _linked(parts, here, {"n_train": size, "arm": arm}, links)
                own = {"arm": arm, **{short(name, axes): v for name, v in here.items()}}
                key = (size, *own.values())
                if key not in made and (where is None or where(at)):
                    made[key] = _build({**(labels or {}), **own}, parts, at)
    if not made:
        raise reject("where", where, "true for some combination")
    return tuple(made.values())


def short(name: str, axes: Mapping[str | tuple[str, ...], Any]) -> str:
    """Return the column of an axis: the last part of its name, or all of it to tell two apart."""
    last = name.rpartition(".")[2]
    same = [other for other in _flat(axes) if other.rpartition(".")[2] == last]
    return last if len(same) == 1 else name


def _label(name: object, value: object) -> Label:
    if not isinstance(name, str) or name in RESERVED:
        raise reject("labels", name, f"named by strings other than {', '.join(RESERVED)}")
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, tuple | list):
        plain = str(plain)
    if plain is not None and not isinstance(plain, str | int | float | bool):
        raise reject(f"labels[{name!r}]", value, "a string, number, truth value or None")
    return plain


def _pair(arm: str, given: Model | tuple[Model, SGD], sgd: SGD | None) -> tuple[Model, SGD]:
    if isinstance(given, Model):
        if sgd is None:
            raise reject(f"arms[{arm!r}]", given, "(model, SGD) where no sgd is given")
        return given, sgd
    model, own = given
    return model, own


def _flat(axes: Mapping[str | tuple[str, ...], Any]) -> list[str]:
    return [name for key in axes for name in ((key,) if isinstance(key, str) else key)]


def _points(axes: Mapping[str | tuple[str, ...], Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for values in product(*axes.values()):
        point: dict[str, Any] = {}
        for key, value in zip(axes, values, strict=True):
            if isinstance(key, str):
                point[key] = value
            elif isinstance(value, tuple | list) and len(value) == len(key):
                point |= zip(key, value, strict=True)
            else:
                raise reject(f"axes[{key!r}]", value, f"tuples of {len(key)} values")
        yield point


def _has(parts: Mapping[str, Any], name: str) -> bool:
    part, _, field = name.partition(".")
    return part in parts and field in _field_names(parts[part])


def _field_names(part: Any) -> list[str]:
    return [field.name for field in fields(part) if field.init]


def _check_fields(names: list[str], data: Any, named: Mapping[str, tuple[Model, SGD]]) -> None:
    if not named:
        raise reject("arms", dict(named), "at least one network")
    for name in names:
        of_arms = ({"data": data, "model": model, "sgd": sgd} for model, sgd in named.values())
        if not any(_has(parts, name) for parts in of_arms):
            allowed = 'fields such as "data.n_patches", "model.n_routed" or "sgd.learning_rate"'
            raise reject("axes and links", name, allowed)


def _linked(
    parts: Mapping[str, Any],
    here: Mapping[str, Any],
    known: Mapping[str, Any],
    links: Mapping[str, Callable[[At], Any]],
) -> dict[str, Any]:
    """Return the values of all fields by dotted name, after axes and links."""
    at = dict(known)
    for part, value in parts.items():
        at |= {f"{part}.{name}": getattr(value, name) for name in _field_names(value)}
    at |= {name: value for name, value in here.items() if _has(parts, name)}
    at.setdefault("data.n_patches", parts["data"].n_patches)
    for name, link in links.items():
        if _has(parts, name):
            at["n_pooled"] = _pooled(at)
            at[name] = link(at)
    at["n_pooled"] = _pooled(at)
    return at


def _pooled(at: At) -> int:
    routed = at.get("model.pooling") == "routed"
    return int(at["model.n_routed"] if routed else at["data.n_patches"])


def _build(labels: Mapping[str, Label], parts: Mapping[str, Any], at: At) -> Setting:
    built = {}
    for part, value in parts.items():
        names = _field_names(value)
        given = {name: getattr(value, name) for name in names}
        changed = {name: at[f"{part}.{name}"] for name in names}
        same = all(changed[name] is given[name] for name in names)
        built[part] = value if same else replace(value, **changed)
    return Setting(labels, built["data"], built["model"], built["sgd"], at["n_train"])
