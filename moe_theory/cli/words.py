"""What the flags say, made into the specifications of the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

from moe_theory.cli.flags import convert, flag, hints_of, own_fields
from moe_theory.cli.kinds import DATA, EITHER, MODELS, ONLY_OF, RENAMED, Place, flags_of
from moe_theory.data import DigitPatches, SpuriousPatch, TaskPatterns
from moe_theory.training import SGD


@dataclass(frozen=True)
class Made:
    """Specifications, and the values of those flags that they took.

    Types are those that the command asked for: `Specs` says which may be chosen.
    """

    data: Any
    model: Any
    sgd: SGD
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Words:
    """Flags as they were given, each with one text or several, and what completes them."""

    data: str
    models: tuple[str, ...]
    given: Mapping[str, tuple[str, ...]]
    usual: Mapping[str, Any]
    instead: Mapping[str, Any]
    digits: str | None
    rate_per_patch: float | None

    def all(self) -> list[tuple[str, Made]]:
        """Return every network at every combination of values, with the word for the network.

        Raises
        ------
        ValueError
            If a value is impossible, or a flag applies to none of them.
        """
        found = [
            (model, self._make(model, texts)) for texts in self._points() for model in self.models
        ]
        used = {name for _, made in found for name in made.values}
        for name in self.given:
            if name not in used:
                raise ValueError(self._unused(name))
        return found

    def law(self) -> Any:
        """Return the data model, where the network is trained already.

        Raises
        ------
        ValueError
            If a value is impossible, or another flag was given.
        """
        used: dict[str, Any] = {}
        (texts,) = self._points()
        law = self._values(flags_of(*DATA[self.data]), texts, used)
        others = [flag(name) for name in self.given if name not in used]
        if others or self.rate_per_patch is not None:
            name = (others or ["--learning-rate-per-patch"])[0]
            raise ValueError(f"{name} does not apply to a network that was trained before")
        return self._law(law)

    def one(self) -> Made:
        """Return the only one."""
        ((_, made),) = self.all()
        return made

    @property
    def axes(self) -> list[str]:
        """Flags that have several values."""
        return [name for name, texts in self.given.items() if len(texts) > 1]

    def _law(self, values: Mapping[str, Any]) -> Any:
        if self.digits is not None and DigitPatches not in DATA[self.data]:
            raise ValueError(f"--digits does not apply to --data {self.data}")
        return _data(self.data, tuple(sorted(values.items())), self.digits)

    def _points(self) -> Iterator[dict[str, str]]:
        for texts in product(*self.given.values()):
            yield dict(zip(self.given, texts, strict=True))

    def _make(self, model: str, texts: Mapping[str, str]) -> Made:
        kind = MODELS[model]
        used: dict[str, Any] = {}
        network = _construct(kind, self._values(flags_of(kind), texts, used), f"--model {model}")
        law = self._values(flags_of(*DATA[self.data]), texts, used)
        data = self._law(law)
        if "n_routed" in flags_of(kind) and "n_routed" not in texts:
            network = replace(network, n_routed=min(network.n_routed, data.n_patches))
        network.patches_per_expert(data.n_patches)
        known = {
            name: place
            for name, place in flags_of(SGD).items()
            if model in ONLY_OF.get(name, (model,))
            and (name != "router_fraction" or texts.get("router_samples") == "split")
        }
        training = self._values(known, texts, used)
        if self.rate_per_patch is not None:
            pooled = round(1 / network.output_scale(data.n_patches))
            training["learning_rate"] = self.rate_per_patch * pooled
        return Made(data, network, SGD(**training), used)

    def _values(
        self, known: Mapping[str, Place], texts: Mapping[str, str], used: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the values of flags, given or usual; note in ``used`` which were given."""
        found = {}
        for name, (kind, field) in known.items():
            if name in texts:
                found[name] = used[name] = convert(name, hints_of(kind)[field], texts[name])
            elif name in {**self.usual, **self.instead} and not _decided(name, texts):
                found[name] = default_of(name, (kind, field), self.usual, self.instead)
        return found

    def _unused(self, name: str) -> str:
        models = f"{flag(name)} does not apply to --model {' '.join(self.models)}, only to"
        if name in ONLY_OF:
            split = " with --router-samples split" if name == "router_fraction" else ""
            return f"{models} {', '.join(ONLY_OF[name])}{split}"
        if homes := [choice for choice, kind in MODELS.items() if name in flags_of(kind)]:
            return f"{models} {', '.join(homes)}"
        homes = [choice for choice, kinds in DATA.items() if name in flags_of(*kinds)]
        return f"{flag(name)} does not apply to --data {self.data}, only to {', '.join(homes)}"


def default_of(
    name: str, place: Place, usual: Mapping[str, Any], instead: Mapping[str, Any]
) -> Any:
    """Return the default of a flag, ``MISSING`` where there is none.

    That of the specification counts; ``usual`` completes it, ``instead`` replaces it. Of l there
    are at most as many as patches.
    """
    kind, field = place
    own = own_fields(kind)[field].default
    if own is MISSING or own is None:
        own = usual.get(name, own)
    return instead.get(name, own)


def _decided(name: str, texts: Mapping[str, str]) -> bool:
    return any(name in pair and any(other in texts for other in pair) for pair in EITHER)


@lru_cache(maxsize=64)
def _data(choice: str, items: tuple[tuple[str, Any], ...], digits: str | None) -> Any:
    """Return a data model, the same one for the same values, so that images are read once."""
    values, made = dict(items), None
    for kind in reversed(DATA[choice]):
        own = {
            field: values[name]
            for name, (of, field) in flags_of(*DATA[choice]).items()
            if of is kind and name in values
        }
        if made is not None:
            own["base"] = made
        if "n_irrelevant" in own and "patch_dim" not in own:
            n_pairs = len(own.get("frequencies", (0.5, 0.5))) if kind is TaskPatterns else 1
            n_pairs += SpuriousPatch in DATA[choice]
            own["patch_dim"] = own["n_irrelevant"] + 2 * n_pairs
        if kind is DigitPatches and digits is not None:
            made = DigitPatches.from_npz(digits, **own)
        else:
            made = _construct(kind, own, f"--data {choice}")
    return made


def _construct(kind: type, values: Mapping[str, Any], where: str) -> Any:
    for name, field in own_fields(kind).items():
        if name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{flag(RENAMED.get((kind, name), name))} is needed by {where}")
    return kind(**values)
