"""Where the discriminative patch goes: router success against N on digits."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import (
    headline,
    legend_below,
    look,
    n_draws,
    plot_curves,
    plot_gates,
    summary_rows,
)

SIMULATION = "../simulations/digit_accuracy.py"


def draw(results: Results) -> tuple[Figure, list[dict]]:
    n = results.setting()["data"]["n_patches"]
    figure = Figure(figsize=(12.0, 5.0), layout="constrained")
    left, right, experts = figure.subplots(1, 3)
    arms = {
        "separate": "separate, $l$ = 2: the expert meant for the class",
        "joint": "joint, $l$ = 6: the expert that receives it most often",
    }
    plot_curves(results, "router_success", left, arms=arms, limits=(0, 1))
    for arm in arms:
        l = results.setting(arm=arm)["model"]["n_routed"]  # noqa: E741
        label = f"a random router: $l/n$ = {l}/{n}"
        left.axhline(l / n, color=look(arm, list(arms))[0], linestyle="--", label=label)
    left.set_ylabel("P(expert receives the discriminative patch)")
    same = {"joint": "joint, the same expert"}
    plot_curves(results, "router_gate", right, arms=same, limits=(0, 1))
    right.axhline(
        1 / l, color=look("joint", [])[0], linestyle="--", label=f"equal gates, $1/l$ = 1/{l}"
    )
    right.set_ylabel("mean gate $G$ of the discriminative patch")
    for ax in (left, right):
        ax.set_xlabel("training samples $N$")
        ax.set_ylim(0, 1.02)
        legend_below(ax)
    largest = max(results.unique("n_train"))
    plot_gates(results.select(arm="joint", n_train=largest), experts, n_routed=l)
    experts.set_ylim(0, 1.02)
    left.set_title("which patches are received", fontsize=9)
    right.set_title("and with which weight", fontsize=9)
    experts.set_title(f"every expert of joint training, $N$ = {largest}", fontsize=9)
    legend_below(experts)
    headline(
        figure,
        "On digits, routers learn to pick the patch that tells the class, and several joint "
        "experts serve one class only",
        f"fresh inputs, $n$ = {n} patches; means of {n_draws(results)} draws with 95 % intervals",
    )
    routed = Results(results.config, [row for row in results.rows if row["arm"] in arms])
    return figure, summary_rows(routed, ["router_success", "router_gate"])
