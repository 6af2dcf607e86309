"""Operations of training until a network errs no more than the dense one does at its end."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.experiments import ratio
from moe_theory.plotting import look, number_ticks, plot_thresholds

SIMULATION = "../simulations/training_cost.py"
ARMS = {
    "patterns": {"dense": "dense", "separate": "separate, $l$ = 2", "joint": "joint, $l$ = 8"},
    "digits": {"dense": "dense", "separate": "separate, $l$ = 2", "joint": "joint, $l$ = 4"},
}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    table = []
    for ax, (name, arms) in zip(figure.subplots(1, 2), ARMS.items(), strict=True):
        here = results.select(data=name, quantity="flops")
        for place, (arm, label) in enumerate(arms.items()):
            colour, marker = look(arm, list(arms))
            rows = here.select(arm=arm).rows
            shift = 1.03 ** (place - 1)
            plot_thresholds(
                rows, ax, x="n_train", label=label, colour=colour, marker=marker, shift=shift
            )
            reached = [row for row in rows if row["value"] < float("inf")]
            ax.plot(
                [row["n_train"] * shift for row in reached], [row["value"] for row in reached],
                color=colour, linewidth=1,
            )  # fmt: skip
            for row in rows:
                dense = here.select(arm="dense", n_train=row["n_train"]).rows[0]
                saved = ratio(dense, row)
                table.append(
                    {"data": name, "arm": arm, "n_train": row["n_train"], "n_draws": row["n_runs"],
                     "error_of_dense": row["epsilon"], "flops": row["value"], "low": row["low"],
                     "high": row["high"], "saving": saved.value, "saving_low": saved.low,
                     "saving_high": saved.high}
                )  # fmt: skip
        n, draws = here.rows[0]["n_patches"], here.rows[0]["n_runs"]
        ax.set_title(f"{name}, $n$ = {n}; {draws} draws, 95 % intervals", fontsize=9)
        ax.set_xlabel("training samples $N$")
        ax.set_ylabel("floating-point operations, routers included")
        number_ticks(ax, here.unique("n_train"))
        ax.legend(fontsize=8)
        ax.grid(alpha=0.3)
    figure.suptitle("Training to the mean error that the dense network has at its end", fontsize=10)
    return figure, table
