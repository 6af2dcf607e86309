"""`Setting`: one cell of an experiment, and `grid`, which makes many of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moe_theory._arguments import check_network
from moe_theory._validation import instance, integer, reject, set_fields, wrong_object
from moe_theory.data import DataModel
from moe_theory.experiments.points import (
    LISTS,
    check_fields,
    field_names,
    has_field,
    linked,
    listed,
    mapping,
    named_arms,
    points,
    short,
)
from moe_theory.models import Model
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
    model : DenseCNN, SeparateMoE, JointMoE, TokenChoiceMoE or SampleMoE
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
    TypeError
        If a part is another object than it should be.
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
        instance("data", self.data, DataModel, "a data model, such as PatchPatterns")
        check_network(self.model)
        instance("sgd", self.sgd, SGD, "an SGD")
        instance("labels", self.labels, Mapping, "a mapping of column names to values")
        instance("group", self.group, str, "a string")
        set_fields(
            self,
            labels={name: _label(name, value) for name, value in self.labels.items()},
            n_train=integer("n_train", self.n_train, 1),
        )
        if self.n_router is not None:
            if not self.holds_out_routers:
                allowed = 'None unless a SeparateMoE has router_samples="held_out"'
                raise reject("n_router", self.n_router, allowed)
            set_fields(self, n_router=integer("n_router", self.n_router, 1))
        self.model.patches_per_expert(self.data.n_patches)

    @property
    def holds_out_routers(self) -> bool:
        """Whether routers are trained on samples of their own."""
        return self.model.routers_first and self.sgd.router_samples == "held_out"

    @property
    def holds_out_part(self) -> bool:
        """Whether routers are trained on a part of the training samples."""
        return self.model.routers_first and self.sgd.router_samples == "split"

    @property
    def cost(self) -> float:
        """Size of one training, to schedule long ones first."""
        samples = self.sgd.steps(self.n_train) * min(self.sgd.batch_size, self.n_train)
        patches = self.model.patches_per_expert(self.data.n_patches)
        return float(samples * patches * self.model.n_hidden)

    def at(self, n_train: int) -> Setting:
        """Return this setting with N = ``n_train``."""
        return replace(self, n_train=n_train)


def settings_of(settings: object) -> tuple[Setting, ...]:
    """Return ``settings`` as a tuple, or raise ``TypeError`` unless all of them are.

    Examples
    --------
    >>> settings_of("dense")
    Traceback (most recent call last):
    TypeError: settings must be a sequence of Setting, such as grid makes; got 'dense'
    """
    if not isinstance(settings, list | tuple) or not all(
        isinstance(one, Setting) for one in settings
    ):
        raise wrong_object("settings", settings, "a sequence of Setting, such as grid makes")
    return tuple(settings)


def grid(
    data: DataModel,
    arms: Mapping[str, Model | tuple[Model, SGD]],
    sgd: SGD | None = None,
    *,
    n_train: int | Sequence[int] | NDArray[np.integer[Any]] = 100,
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
    n_train : int, or sequence or array of int
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
    TypeError
        If an argument is another object than it should be, such as a list of networks as arms.
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
    axes, links = mapping("axes", axes), mapping("links", links)
    labels = mapping("labels", labels)
    named = named_arms(data, arms, sgd)
    given = listed("n_train", n_train) if isinstance(n_train, LISTS) else [n_train]
    sizes = [integer("n_train", size, 1) for size in given]
    axes = {name: listed(f"axes[{name!r}]", values) for name, values in axes.items()}
    rules = {f"links[{name!r}]": link for name, link in links.items()}
    for name, rule in (rules if where is None else {**rules, "where": where}).items():
        if not callable(rule):
            raise wrong_object(name, rule, "a function of the values of all fields")
    check_fields(axes, links, data, named)
    made: dict[Any, Setting] = {}
    for size in sizes:
        for point in points(axes):
            for arm, (model, own_sgd) in named.items():
                parts = {"data": data, "model": model, "sgd": own_sgd}
                here = {name: v if has_field(parts, name) else None for name, v in point.items()}
                at = linked(parts, here, {"n_train": size, "arm": arm}, links)
                own = {"arm": arm, **{short(name, axes): v for name, v in here.items()}}
                key = (size, *own.values())
                if key not in made and (where is None or where(at)):
                    made[key] = _build({**labels, **own}, parts, at)
    if not made:
        raise reject("where", where, "true for some combination")
    return tuple(made.values())


def _label(name: object, value: object) -> Label:
    if not isinstance(name, str) or name in RESERVED:
        raise reject("labels", name, f"named by strings other than {', '.join(RESERVED)}")
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, tuple | list):
        plain = str(plain)
    if plain is not None and not isinstance(plain, str | int | float | bool):
        raise reject(f"labels[{name!r}]", value, "a string, number, truth value or None")
    return plain


def _build(labels: Mapping[str, Label], parts: Mapping[str, Any], at: At) -> Setting:
    built = {}
    for part, value in parts.items():
        names = field_names(value)
        given = {name: getattr(value, name) for name in names}
        changed = {name: at[f"{part}.{name}"] for name in names}
        same = all(changed[name] is given[name] for name in names)
        built[part] = value if same else replace(value, **changed)
    return Setting(labels, built["data"], built["model"], built["sgd"], at["n_train"])
