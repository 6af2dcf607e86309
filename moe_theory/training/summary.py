"""What a notebook shows of a training."""

from __future__ import annotations

from typing import Any


def summary(run: Any, ending: str) -> dict[str, object]:
    """Return what to show of a `TrainingRun`, by name; ``ending`` says how its steps ended."""
    history, spent = run.history, run.flops
    rows: dict[str, object] = {
        "network": run.model,
        "trained on": f"N = {run.n_train} inputs of n = {run.n_patches} patches, "
        f"d = {run.patch_dim}",
        "steps": ending,
        "training": f"loss {history.train_loss[-1]:.3g}, error {history.train_error[-1]:.3g}",
    }
    if history.test_loss is not None and history.test_error is not None:
        last = history.test_loss[-1], history.test_error[-1]
        rows["test"] = "loss {:.3g}, error {:.3g}".format(*last)
    rows["operations"] = f"{spent.total:.3g}"
    if spent.routers:
        rows["operations"] = f"{spent.total:.3g}, of it routers {spent.routers:.3g}"
    rows["time"] = f"{run.wall_time:.3g} s"
    if run.compression:
        rows["compressed by"] = ", then ".join(str(step) for step in run.compression)
    return rows
