"""What tells one training from all others: a digest of everything it depends on but the draw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from moe_theory.experiments.describe import describe
from moe_theory.experiments.settings import Setting

PARTS = ("data", "model", "sgd")


class Identities:
    """Digests of settings; each data model, network and SGD is described once.

    Parameters
    ----------
    config : mapping
        What all settings have in common, as JSON values.

    Examples
    --------
    >>> from moe_theory import SGD, DenseCNN, PatchPatterns
    >>> data = PatchPatterns(n_patches=4, n_irrelevant=8, patch_dim=10)
    >>> setting = Setting({"arm": "dense"}, data, DenseCNN(4), SGD(1.0, 10, n_steps=5), 20)
    >>> known, other = Identities({"seed": 0}), Identities({"seed": 1})
    >>> same = known.digest(setting.at(40).at(20)) == known.digest(setting)
    >>> same, known.digest(setting) == other.digest(setting)
    (True, False)
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._common = json.dumps(config, sort_keys=True)
        # Parts are kept, so that no other one gets their number.
        self._parts: dict[int, tuple[Any, str]] = {}

    def digest(self, setting: Setting) -> str:
        """Return what identifies ``setting``, its labels included.

        Raises
        ------
        TypeError
            If a part cannot be identified.
        """
        own = [setting.n_train, setting.n_router, setting.group]
        parts = [self._part(name, getattr(setting, name)) for name in PARTS]
        text = json.dumps([present(setting.labels), own, parts, self._common], sort_keys=True)
        # A letter, so that no reader takes it for a number.
        return "s" + hashlib.sha256(text.encode()).hexdigest()[:20]

    def _part(self, name: str, part: Any) -> str:
        if id(part) not in self._parts:
            text = json.dumps(describe(part, name), sort_keys=True)
            self._parts[id(part)] = part, hashlib.sha256(text.encode()).hexdigest()
        return self._parts[id(part)][1]


def present(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Return the labels that are not None, which a setting of fewer axes lacks.

    Examples
    --------
    >>> present({"arm": "dense", "n_routed": None})
    {'arm': 'dense'}
    """
    return {name: value for name, value in labels.items() if value is not None}
