"""Flags for the specifications of the API: data model, network and training."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from typing import Any

from moe_theory.cli.flags import described, flag, hints_of, shown, written
from moe_theory.cli.kinds import DATA, MODELS, ONLY_OF, Place, flags_of
from moe_theory.cli.words import Words, default_of
from moe_theory.data import DigitPatches
from moe_theory.training import SGD


@dataclass(frozen=True)
class Specs:
    """The specifications that a command takes.

    Parameters
    ----------
    data, models : tuple of str
        The names that may be chosen; the first is the default. Without ``models`` a command takes
        data alone.
    usual : mapping
        Defaults of the command for what the specification has none for.
    rate_per_patch : float, optional
        The learning rate by default, over the number of patches that a network pools.
    many : bool
        Whether flags take several values.
    instead : mapping
        Defaults of the command in place of those of the specification.
    """

    data: tuple[str, ...]
    models: tuple[str, ...]
    usual: Mapping[str, Any]
    rate_per_patch: float | None = None
    many: bool = False
    instead: Mapping[str, Any] = field(default_factory=dict)

    def add_to(self, own: argparse.ArgumentParser) -> None:
        """Add a flag for every field."""
        if self.models:
            own.add_argument(
                "--model",
                choices=self.models,
                nargs="+" if self.many else None,
                help=f"network (default {self.models[0]})",
            )
        own.add_argument(
            "--data",
            choices=self.data,
            default=self.data[0],
            help=f"data model (default {self.data[0]})",
        )
        if any(DigitPatches in DATA[name] for name in self.data):
            text = "npz file with images and labels of digits (default: scikit-learn's)"
            own.add_argument("--digits", metavar="FILE", help=text)
        if self.models:
            text = "η over the number of patches whose mean is taken; instead of --learning-rate"
            if self.rate_per_patch is not None:
                text += f" (default {self.rate_per_patch:g})"
            own.add_argument("--learning-rate-per-patch", type=float, metavar="FLOAT", help=text)
            networks = {name: (MODELS[name],) for name in self.models}
            self._add_group(own.add_argument_group("network"), networks)
        self._add_group(own.add_argument_group("data"), {name: DATA[name] for name in self.data})
        if self.models:
            self._add_group(own.add_argument_group("training"), {"": (SGD,)})

    def words(self, options: argparse.Namespace) -> Words:
        """Return what was given on the command line."""
        given: dict[str, tuple[str, ...]] = {}
        for name, value in vars(options).items():
            if name.startswith("spec_"):
                texts = value if isinstance(value, list) else [value]
                given[name.removeprefix("spec_")] = tuple(texts) or ("true",)
        rate = getattr(options, "learning_rate_per_patch", None)
        if rate is not None and "learning_rate" in given:
            raise ValueError("--learning-rate and --learning-rate-per-patch exclude each other")
        if rate is None and "learning_rate" not in given:
            rate = self.rate_per_patch
        named = getattr(options, "model", None)
        models = self.models[:1]
        if named is not None:
            models = tuple(named) if self.many else (named,)
        return Words(
            data=options.data,
            models=tuple(dict.fromkeys(models)),
            given=given,
            usual=self.usual,
            instead=self.instead,
            digits=getattr(options, "digits", None),
            rate_per_patch=rate,
        )

    def _add_group(
        self, group: argparse._ArgumentGroup, kinds: Mapping[str, tuple[type, ...]]
    ) -> None:
        places: dict[str, dict[str, Place]] = {}
        for choice, own in kinds.items():
            for name, place in flags_of(*own).items():
                places.setdefault(name, {})[choice] = place
        for name, homes in places.items():
            kind, own_name = next(iter(homes.values()))
            hint = hints_of(kind)[own_name]
            # A truth value may be left out for "true".
            nargs = ("*" if self.many else "?") if hint is bool else "+" if self.many else None
            group.add_argument(
                flag(name),
                dest=f"spec_{name}",
                default=argparse.SUPPRESS,
                nargs=nargs,
                const="true" if nargs == "?" else None,
                metavar=shown(hint),
                help=self._help(name, homes, len(kinds)).replace("%", "%%"),
            )

    def _help(self, name: str, homes: Mapping[str, Place], n_choices: int) -> str:
        text = _said(homes)
        defaults: dict[str, list[str]] = {}
        for choice, place in homes.items():
            value = default_of(name, place, self.usual, self.instead)
            if value is not MISSING and value is not None:
                defaults.setdefault(written(value), []).append(choice)
        notes = [f"{', '.join(homes)} only"] if len(homes) < n_choices else []
        if name in ONLY_OF:
            notes.append(f"{', '.join(ONLY_OF[name])} only")
        if len(defaults) > 1:
            each = (f"{value} of {', '.join(of)}" for value, of in defaults.items())
            notes = [f"default {'; '.join(each)}"]
        elif defaults:
            least = ", n if that is less" if name == "n_routed" else ""
            notes.append(f"default {next(iter(defaults))}{least}")
        return f"{text} ({'; '.join(notes)})" if notes else text


def _said(homes: Mapping[str, Place]) -> str:
    """Return what the docstrings say; of whom, where they do not say the same."""
    found: dict[str, list[str]] = {}
    for choice, (kind, own_name) in homes.items():
        text = described(kind).get(own_name, "")
        if text and not text.startswith("As for"):
            found.setdefault(text, []).append(choice)
    # What only adds to another is said instead of it.
    texts = [text for text in found if not any(o != text and o.startswith(text) for o in found)]
    if len(texts) == 1:
        return texts[0]
    return "; ".join(f"{text} ({', '.join(found[text])})" for text in texts)
