"""Statements of the text about the order of results: each must hold in the committed tables."""

from __future__ import annotations

from collections.abc import Callable

from prose.compression import compared, fitted
from prose.tables import Row, row, table


def failed() -> list[str]:
    """Return the claims of the text that the results no longer bear out."""
    return [
        f"the text claims, and the results deny: {text}" for text, holds in CLAIMS if not holds()
    ]


def _end(column: str, figure: str, **labels: object) -> float:
    return float(row(figure, **labels)[column])


def _samples(column: str, **labels: object) -> float:
    return _end(column, "sample_complexity", epsilon=0.05, **labels)


def _savings(column: str, **labels: object) -> list[float]:
    return [float(r[column]) for r in table("savings", **labels)]


def _joint_operations(column: str, n_over_l: float) -> float:
    labels = {"data": "patterns", "quantity": "operations", "arm": "joint"}
    return _end(column, "savings", **labels, n_over_l=n_over_l)


def _best(way: str, routing: str) -> list[bool]:
    """Return where bits by this order may be best, on all inputs and fitted grids."""
    found = fitted(way, routing=routing, part="all")
    return [verdict == "True" for verdict in compared(found, "may_be_best")]


def _share(way: str, routing: str) -> float:
    found = _best(way, routing)
    return sum(found) / len(found)


def _prune(data: str, routing: str, seen: str, score: str) -> Row:
    return row("pruning", data=data, routing=routing, seen=seen, score=score, loss="hinge",
               treatment="routers stay")  # fmt: skip


def _rho_one(arm: str) -> float:
    return _end("reliance_mean", "spurious", data="patterns", arm=arm, rho_train=1.0)


def _loose(line: Row) -> float:
    return float(line["bound_exponent"]) - float(line["measured"])


def _tightest() -> tuple[str, str, str]:
    """Return the bound that exceeds the measured growth in n, l or k by the least power."""
    rows = [r for r in table("bounds") if r["size"] != "1/ε"]
    least = min(rows, key=_loose)
    return least["quantity"], least["arm"], least["size"]


def _norms(quantity: str, verdict: str) -> bool:
    return all(r["verdict"] == verdict for r in table("router_norms", quantity=quantity))


CHANGE = "router_norm_change"
CLAIMS: tuple[tuple[str, Callable[[], bool]], ...] = (
    (
        "no bound is violated",
        lambda: all(r["bound_verdict"] != "violated" for r in table("bounds")),
    ),
    (
        "separate training needs more samples than the dense network at n/l = 2 and 4",
        lambda: all(
            _end("high", "savings", data="patterns", quantity="N*", arm="separate", n_over_l=at) < 1
            for at in (2, 4)
        ),
    ),
    (
        "joint operations in k are closest to their bound, in n, l and k",
        lambda: _tightest() == ("computational complexity", "joint", "k"),
    ),
    (
        "all bounds but two are loose by a power or more",
        lambda: sum(_loose(r) < 1 for r in table("bounds")) == 2,
    ),
    (
        "N* of joint training falls with l",
        lambda: (
            _samples("low", arm="joint", n_routed=2, n_experts=8)
            > _samples("high", arm="joint", n_routed=32, n_experts=8)
        ),
    ),
    (
        "N* of joint training falls with k",
        lambda: (
            _samples("low", arm="joint", n_routed=4, n_experts=2)
            > _samples("high", arm="joint", n_routed=4, n_experts=20)
        ),
    ),
    (
        "joint training with l = 1 never succeeds",
        lambda: all(
            r["censored"] == "above" for r in table("sample_complexity", arm="joint", n_routed=1)
        ),
    ),
    (
        "joint training saves operations at every n/l at the rate l²",
        lambda: min(_savings("low", quantity="operations", arm="joint_l2")) > 1,
    ),
    (
        "joint training saves no operations at n/l = 2 and 4 at the common rate",
        lambda: all(
            _joint_operations("high", at) < 1
            for at in (2, 4)
        ),
    ),
    (
        "joint training needs fewer samples than separate training from l = 8 on",
        lambda: all(
            _samples("high", arm="joint", n_routed=l, n_experts=8)
            < _samples("low", arm="separate", n_routed=l)
            for l in (8, 16, 32)
        ),
    ),
    (
        "other samples for the routers help at l = 16",
        lambda: (
            _end("test_error_mean", "router_samples", data="patterns", n_routed=16, n_train=160,
                 router_samples="held_out")
            < _end("test_error_mean", "router_samples", data="patterns", n_routed=16, n_train=160,
                   router_samples="train") / 3
        ),
    ),
    (
        "at ρ = 1 pMoE relies on the spurious patch as much as the dense network or more",
        lambda: min(_rho_one("separate"), _rho_one("joint")) > _rho_one("dense"),
    ),
    (
        "Δ_s of experts that carry the task holds Ω(1) under the hinge loss, not the logistic one",
        lambda: [r["verdict"] for r in table("router_norms", quantity="carries_change")]
        == ["not violated", "violated"],
    ),
    (
        "violated of P24: O(1/√d) of experts that receive the task with a small gate (hinge), Ω(1) "
        "of those that carry it (logistic), 1 − γ as a rate (hinge), and nothing else",
        lambda: {
            (r["quantity"], r["size"], r["loss"]) for r in table("router_norms", verdict="violated")
        } == {
            ("receives_change", "patch_dim", "hinge"),
            ("carries_change", "patch_dim", "logistic"),
            ("kept", "n_routed", "hinge"),
        },
    ),
    (
        "a fraction 1 − γ of the experts was enough in every training",
        lambda: all(
            r["n_held"] == r["n_trainings"] for r in table("router_norms", size="n_routed")
        ),
    ),
    (
        "Δ_s of experts that never receive the task holds O(1/√d)",
        lambda: _norms("never_change", "not violated"),
    ),
    (
        "the fraction of experts needed falls as 1/k",
        lambda: all(
            r["verdict"] == "not violated" for r in table("router_norms", size="n_experts")
        ),
    ),
    (
        "experts that choose: bits to the smallest change are never best, and with the lift often",
        lambda: not any(_best("smallest_change", "expert choice"))
        and _share("released_lift", "expert choice") > 0.5,
    ),
    (
        "bits by predicted rounding noise may be best everywhere",
        lambda: all(
            all(_best("rounding_noise", routing)) for routing in ("expert choice", "token choice")
        ),
    ),
    (
        "patches that choose: others are surely better than the order with the lift in most cases",
        lambda: _share("released_lift", "token choice") < 0.5,
    ),
    (
        "where the task was seen often, pruning by change is surely not best on patterns",
        lambda: all(
            _prune("patterns", routing, "often", CHANGE)["may_be_best_at_0.875"] == "False"
            for routing in ("expert choice", "token choice")
        ),
    ),
    (
        "on digits where patches choose, pruning by change may be best at ρ = 7/8, gate mass not",
        lambda: all(
            _prune("digits", "token choice", seen, score)["may_be_best_at_0.875"] == best
            for seen in ("often", "seldom")
            for score, best in ((CHANGE, "True"), ("gate_mass", "False"))
        ),
    ),
    (
        "experts of frequent features change most, those of none least",
        lambda: all(
            float(r["change_frequent"]) > float(r["change_rare"]) > float(r["change_none"])
            for r in table("quantization")
        ),
    ),
    (
        "on clusters whole inputs and joint training alone come to ε",
        lambda: {
            r["arm"] for r in table("whole_inputs", data="clusters", quantity="N*", censored=None)
        } == {"whole_input", "joint"},
    ),
    (
        "joint training needs no more samples on clusters than whole inputs",
        lambda: _end("value", "whole_inputs", data="clusters", quantity="N*", arm="joint")
        <= _end("value", "whole_inputs", data="clusters", quantity="N*", arm="whole_input"),
    ),
    (
        "whole inputs save no samples on patterns and digits, by the mean or its interval",
        lambda: all(
            _end("saving_low", "whole_inputs", data=data, quantity="N*", arm="whole_input") <= 1
            for data in ("patterns", "digits")
        ),
    ),
    (
        "single networks are no better than 3/4 in setting 3 of the clusters",
        lambda: all(
            float(r["accuracy_low"]) <= 0.75 for r in table("clusters", setting=3, arm="single")
        ),
    ),
    (
        "by P24's own line between relevant and irrelevant experts no rate of Δ_s is violated",
        lambda: _norms("proficient_change", "not violated")
        and _norms("hardly_change", "not violated"),
    ),
)  # fmt: skip
