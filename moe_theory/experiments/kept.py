"""Rows of earlier runs: which training each belongs to, and which versions made it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from moe_theory._versions import versions
from moe_theory.experiments.describe import describe_settings
from moe_theory.experiments.identity import PARTS, Identities, present
from moe_theory.experiments.schedule import Done
from moe_theory.experiments.settings import Setting
from moe_theory.experiments.store import OWN, Row, RowStore, StoreError, difference, read_store
from moe_theory.experiments.trial import Trial


class Kept:
    """A store whose rows are found by what was trained, whatever else the experiment trains.

    Parameters
    ----------
    path : path
        The file.
    trial : Trial
        Makes the rows; all rows of a file come from an equal one.
    mix_versions : bool
        Whether rows may be added to those that other versions made.

    Raises
    ------
    StoreError
        If the file belongs to another trial, is damaged, or is in use.
    TypeError
        If the trial cannot be identified.
    """

    def __init__(
        self, path: str | os.PathLike[str], trial: Trial, *, mix_versions: bool = False
    ) -> None:
        config = trial.config()
        self._mix_versions, self._identities = mix_versions, Identities(config)
        self._store = RowStore(path, config)
        self.path = path
        self._numbers = {row["_made"] for row in self._store.rows}
        self._rows = {(row["_setting"], row["draw"]): row for row in self._store.rows}
        trained = {digest for digest, _ in self._rows}
        described = _settings(self._store.records.values())
        self._described = {setting["digest"] for setting in described}
        self._known = {
            _name(setting["labels"], setting["n_train"]): setting
            for setting in described
            if setting["digest"] in trained
        }
        self._used: dict[str, dict[str, str]] = {}

    def __enter__(self) -> Kept:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._store.close()

    def row(self, setting: Setting, draw: int) -> Row | None:
        """Return the row of a training, if it is there."""
        found = self._rows.get((self._identities.digest(setting), draw))
        if found is None:
            return None
        made = _versions(self._store.records.get(found["_made"], {}))
        self._used[json.dumps(made)] = made
        return _plain(found, setting.labels)

    def admit(self, settings: Sequence[Setting]) -> None:
        """Prepare for rows of ``settings``, of which some are missing.

        Raises
        ------
        StoreError
            If the file holds other settings of equal labels and N, other versions made its rows,
            or it cannot be written.
        """
        unique = {self._identities.digest(setting): setting for setting in settings}
        new = {digest: s for digest, s in unique.items() if digest not in self._described}
        for setting in new.values():
            self._check(setting)
        here, records = versions(), self._store.records
        made = (_versions(records.get(number, {})) for number in self._numbers)
        other = next((theirs for theirs in made if theirs != here), None)
        if other is not None and not self._mix_versions:
            raise StoreError(
                f"{self.path} lacks rows, and other versions made those that it holds "
                f"({difference(other, here)}); with mix_versions=True they are added, and each "
                "row keeps what made it"
            )
        same = (record for record in records.values() if _versions(record) == here)
        if new or (record := next(same, None)) is None:
            record = {**_entries(new), "versions": here}
        self._store.begin({name: part for name, part in record.items() if name != "config"})
        self._described |= new.keys()
        self._used[json.dumps(here)] = here

    def append(self, done: Sequence[Done]) -> None:
        """Keep the rows of trainings."""
        digest = self._identities.digest
        self._store.append([{**row, "_setting": digest(setting)} for setting, _, row in done])

    def versions(self) -> dict[str, str]:
        """Return the versions that made the rows returned or added so far."""
        return joined(self._used.values())

    def _check(self, setting: Setting) -> None:
        known = self._known.get(_name(setting.labels, setting.n_train))
        if known is None:
            return
        (here,) = _settings([describe_settings([setting])])
        names = ("n_router", "group", *PARTS)
        theirs, ours = ({name: one[name] for name in names} for one in (known, here))
        labels = {**present(setting.labels), "n_train": setting.n_train}
        raise StoreError(
            f"{self.path} holds another setting with the labels {labels} "
            f"({difference(theirs, json.loads(json.dumps(ours)))}); choose other labels, or move "
            "the file away to start anew"
        )


def read_rows(path: str | os.PathLike[str]) -> tuple[dict[str, Any], list[Row]]:
    """Return the configuration and the rows of a file, in the order of its settings and draws.

    Raises
    ------
    StoreError
        If the file cannot be read, is no store, or is damaged.
    """
    records, rows = read_store(path)
    settings = _settings(records.values())
    order = {setting["digest"]: place for place, setting in enumerate(settings)}
    last = len(order)
    rows = sorted(rows, key=lambda row: (order.get(row.get("_setting"), last), row.get("draw", 0)))
    trained = {row.get("_setting") for row in rows}
    own = [setting for setting in settings if setting["digest"] in trained]
    common: dict[str, Any] = next((record["config"] for record in records.values()), {})
    used = {json.dumps(v): v for row in rows if (v := _versions(records.get(row["_made"], {})))}
    config = {"experiment": {**_shared(own), **common}, "versions": joined(used.values())}
    labels = dict.fromkeys(name for setting in own for name in setting["labels"])
    return config, [_plain(row, labels) for row in rows]


def joined(made: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return versions, of which there may be several, by name.

    Examples
    --------
    >>> joined([{"numpy": "2.0", "python": "3.11.7"}, {"numpy": "2.1", "python": "3.11.7"}])
    {'numpy': '2.0 and 2.1', 'python': '3.11.7'}
    """
    several = list(made)
    names = dict.fromkeys(name for one in several for name in one)
    found = {name: dict.fromkeys(one.get(name, "unknown") for one in several) for name in names}
    return {name: " and ".join(versions) for name, versions in found.items()}


def _versions(record: Mapping[str, Any]) -> dict[str, str]:
    """Return what made the rows of a record; one that was damaged does not say."""
    found: dict[str, str] = record.get("versions", {"moe_theory": "unknown"})
    return found


def _name(labels: Mapping[str, Any], n_train: int) -> tuple[str, int]:
    return json.dumps(present(labels), sort_keys=True), n_train


def _entries(settings: Mapping[str, Setting]) -> dict[str, Any]:
    """Return a record of settings, with their digests."""
    described = describe_settings(settings.values())
    for digest, entry in zip(settings, described["settings"], strict=True):
        entry["digest"] = digest
    return described


def _settings(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the settings of records, each with what it consists of."""
    return [
        {**setting, **{part: record[part][setting[part]] for part in PARTS}}
        for record in records
        for setting in record.get("settings", ())
    ]


def _shared(settings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return settings as `describe_settings` does: what they consist of stands there once."""
    parts: dict[str, list[Any]] = {name: [] for name in PARTS}
    places: dict[tuple[str, str], int] = {}
    entries = []
    for setting in settings:
        entry = {name: value for name, value in setting.items() if name != "digest"}
        for name, known in parts.items():
            place = places.setdefault((name, json.dumps(setting[name])), len(known))
            if place == len(known):
                known.append(setting[name])
            entry[name] = place
        entries.append(entry)
    return {**parts, "settings": entries}


def _plain(row: Row, labels: Iterable[str]) -> Row:
    """Return a row as it was made: of the labels, which come first, those that are asked for."""
    names = [name for name in row if name not in (*OWN, "_setting")]
    start = names.index("n_train") if "n_train" in names else 0
    return {**{name: row.get(name) for name in labels}, **{n: row[n] for n in names[start:]}}
