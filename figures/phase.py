"""Phase diagram of separate training: which trials succeed, over N and l; white = all succeed."""

from matplotlib.figure import Figure

from moe_theory import Results
from moe_theory.plotting import plot_cells

SIMULATION = "../simulations/phase.py"
PANELS = {
    "patterns": "orthonormal patterns, $n$ = {n}, $p$ = 256",
    "digits": "digits, $n$ = {n}",
}


def draw(results: Results) -> tuple[Figure, list[dict]]:
    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    table = []
    for ax, (name, title) in zip(figure.subplots(1, 2), PANELS.items(), strict=True):
        rows = results.select(data=name)
        n_draws = len(rows.unique("draw"))
        image = plot_cells(rows, "success", ax, x="n_train", y="n_routed")
        n = rows.rows[0]["n_patches"]
        target = rows.rows[0]["target"]
        ax.set_title(
            f"{title.format(n=n)}; {n_draws} trials a cell\nsuccess: test error ≤ {target:.0%}",
            fontsize=9,
        )
        ax.set_xlabel("training samples $N$")
        ax.set_ylabel("patches routed to each expert $l$")
        for n_routed in rows.unique("n_routed"):
            for n_train in rows.unique("n_train"):
                mean, _, count = rows.mean_std("success", n_routed=n_routed, n_train=n_train)
                error, spread, _ = rows.mean_std("test_error", n_routed=n_routed, n_train=n_train)
                table.append(
                    {
                        "data": name,
                        "n_routed": n_routed,
                        "n_train": n_train,
                        "n_draws": count,
                        "success": mean,
                        "test_error_mean": error,
                        "test_error_std": spread,
                    }
                )
    figure.colorbar(image, ax=figure.axes, label="fraction of trials that succeed")
    figure.suptitle("Separate training of routers and experts", fontsize=10)
    return figure, table
