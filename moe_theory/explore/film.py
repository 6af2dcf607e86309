"""Trainings recorded step by step, as the page shows them."""

from __future__ import annotations

from typing import Any

from moe_theory.explore.tables import Row, read_table

TITLES = {
    "dense": "dense, m = 40",
    "separate": "separate, k = 2, l = 2",
    "joint": "joint, k = 4, l = 4",
    "token": "patches choose experts, k = 4",
    "whole input": "whole inputs choose experts, k = 4",
}


def film() -> dict[str, Any]:
    """Return the trainings of the table `film`, by network, with the inputs that are shown.

    Examples
    --------
    >>> made = film()
    >>> made["steps"][0], len(made["inputs"])
    (0, 4)
    """
    rows = read_table("film")
    arms = {arm: [row for row in rows if row["arm"] == arm] for arm in TITLES}
    inputs = [_input(text) for text in rows[0]["inputs"].split("|")]
    discriminative = [
        next(one["patterns"][one["place"]] for one in inputs if one["label"] == label)
        for label in (1, -1)
    ]
    n_patterns = len(rows[0]["values"].split(";")[0].split())
    networks = [{"name": arm, "title": TITLES[arm], **_network(own)} for arm, own in arms.items()]
    return {
        "steps": [int(row["step"]) for row in arms["dense"]],
        "nDraws": int(rows[0]["n_draws"]),
        "nTrain": int(rows[0]["n_train"]),
        "inputs": inputs,
        "discriminative": discriminative,
        "irrelevant": [q for q in range(n_patterns) if q not in discriminative],
        "networks": networks,
    }


def _input(text: str) -> dict[str, Any]:
    label, place, *patterns = map(int, text.split())
    return {"label": label, "place": place, "patterns": patterns}


def _network(rows: list[Row]) -> dict[str, Any]:
    columns = {"loss": "train_loss", "error": "test_error", "mean": "mean", "low": "low",
               "high": "high"}  # fmt: skip
    return {
        **{name: [float(row[column]) for row in rows] for name, column in columns.items()},
        "values": [
            [[float(value) for value in own.split()] for own in row["values"].split(";")]
            for row in rows
        ],
        "routes": [_routes(row["routes"]) for row in rows] if rows[0]["routes"] else None,
    }


def _routes(text: str) -> list[list[list[list[int]]]]:
    """Return place and gate in percent of what each expert receives, by input and expert."""
    return [
        [
            [[int(part) for part in pair.split(":")] for pair in own.split()]
            for own in one.split(";")
        ]
        for one in text.split("|")
    ]
