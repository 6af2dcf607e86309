"""Joint training at fixed N: accuracy against l for each k, and against k for each l."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import number_ticks, plot_curves

SIMULATION = "../simulations/joint.py"


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(11.0, 8.0), layout="constrained")
    table = []
    for axes, name in zip(figure.subplots(2, 2), ("patterns", "digits"), strict=True):
        here = results.select(data=name)
        n, n_train = here.rows[0]["n_patches"], here.rows[0]["n_train"]
        for ax, x, by, symbols in (
            (axes[0], "n_routed", "n_experts", ("l", "k")),
            (axes[1], "n_experts", "n_routed", ("k", "l")),
        ):
            values = sorted(here.unique(by))
            rows = [
                {**row, "arm": str(row[by]), "accuracy": 1 - row["test_error"]} for row in here.rows
            ]
            arms = {str(value): f"${symbols[1]}$ = {value}" for value in values}
            plot_curves(Results({}, rows), "accuracy", ax, arms=arms, x=x)
            number_ticks(ax, here.unique(x))
            ax.set_ylim(0.4, 1.02)
            what = "patches per expert" if x == "n_routed" else "experts (40 units in all)"
            ax.set_xlabel(f"{what} ${symbols[0]}$")
            ax.set_ylabel("test accuracy, fraction of inputs")
            draws = len(here.unique("draw"))
            ax.set_title(
                f"{name}, $n$ = {n}, $N$ = {n_train}; mean ± std over {draws} draws", fontsize=9
            )
            ax.legend(fontsize=8, loc="lower right" if x == "n_routed" else "center right")
        for n_experts in here.unique("n_experts"):
            for n_routed in here.unique("n_routed"):
                mean, std, count = here.mean_std(
                    "test_error", n_experts=n_experts, n_routed=n_routed
                )
                table.append(
                    {"data": name, "n_train": n_train, "n_experts": n_experts,
                     "n_routed": n_routed, "n_draws": count,
                     "test_error_mean": mean, "test_error_std": std}
                )  # fmt: skip
    figure.suptitle("Joint training of routers and experts", fontsize=10)
    return figure, table
