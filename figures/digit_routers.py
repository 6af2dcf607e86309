"""Where the discriminative patch goes: router success against N on digits."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import look, n_draws, plot_curves, plot_gates, summary_rows

SIMULATION = "../simulations/digit_accuracy.py"


def draw(results: Results) -> tuple[Figure, list[dict]]:
    n = results.setting()["data"]["n_patches"]
    figure = Figure(figsize=(14.0, 4.2), layout="constrained")
    left, right, experts = figure.subplots(1, 3)
    arms = {
        "separate": "separate: expert meant for the class, $l$ = 2",
        "joint": "joint: expert that receives it most often, $l$ = 6",
    }
    plot_curves(results, "router_success", left, arms=arms)
    for arm in arms:
        l = results.setting(arm=arm)["model"]["n_routed"]  # noqa: E741
        label = f"one random router, $l/n$ = {l}/{n}"
        left.axhline(l / n, color=look(arm, list(arms))[0], linestyle="--", label=label)
    left.set_ylabel("P(discriminative patch in top $l$)")
    plot_curves(results, "router_gate", right, arms={"joint": "joint, same expert"})
    right.axhline(
        1 / l, color=look("joint", [])[0], linestyle="--", label=f"equal gates, $1/l$ = 1/{l}"
    )
    right.set_ylabel("mean gate $G$ of the discriminative patch")
    for ax in (left, right):
        ax.set_xlabel("training samples $N$")
        ax.set_ylim(0, 1.02)
        ax.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 0.4))
    largest = max(results.unique("n_train"))
    plot_gates(results.select(arm="joint", n_train=largest), experts, n_routed=l)
    experts.set_ylim(0, 1.35)
    experts.set_title(f"joint training, $l$ = {l}, $N$ = {largest}", fontsize=9)
    experts.legend(fontsize=8, loc="upper center")
    figure.suptitle(
        f"Routing of fresh inputs, digits; mean ± std over {n_draws(results)} draws", fontsize=10
    )
    routed = Results(results.config, [row for row in results.rows if row["arm"] in arms])
    return figure, summary_rows(routed, ["router_success", "router_gate"])
