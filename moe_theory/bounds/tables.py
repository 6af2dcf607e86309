"""The complexity, savings and cost tables, each from the objects it shows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moe_theory._arguments import check_network
from moe_theory._display import table
from moe_theory._paths import PathLike, expanded
from moe_theory._validation import instance, integer, reject
from moe_theory.bounds.bound import ARCHITECTURES, TITLES
from moe_theory.bounds.clusters import cluster_bounds
from moe_theory.bounds.derivations import derive_computation, derive_savings, wins
from moe_theory.bounds.published import QUANTITIES, complexity
from moe_theory.bounds.symbolic_costs import architecture_of, router_share, step_flops, step_memory
from moe_theory.models import DenseCNN, JointMoE, Model, SeparateMoE

# The operations of computation are derived; the other rows are as stated.
STATED = tuple(quantity for quantity in QUANTITIES if quantity != "computational complexity")
PAIRS = (("separate", "dense"), ("joint", "dense"), ("joint", "separate"))


@dataclass(frozen=True, eq=False)
class Table:
    """A small table of text and formulas that renders wherever it is shown.

    Parameters
    ----------
    title : str
    header : tuple of str
    rows : tuple of tuples
        Cells are text, or objects with ``latex()`` that print as plain text.
    notes : tuple of str
        Lines below the table.

    Examples
    --------
    >>> print(Table("sizes", ("name", "value"), (("n", "16"),)))
    sizes
    name  value
    ----  -----
    n     16
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        instance("title", self.title, str, "a string")
        for name in ("header", "rows", "notes"):
            instance(name, getattr(self, name), (tuple, list), "a tuple")
        for text in (*self.header, *self.notes):
            instance("header and notes", text, str, "strings")
        for row in self.rows:
            instance("rows", row, (tuple, list), "a tuple of tuples")
            if len(row) != len(self.header):
                raise reject("row", [str(cell) for cell in row], f"{len(self.header)} cells long")

    def __str__(self) -> str:
        cells = [self.header, *self._cells(str)]
        widths = [max(len(row[c]) for row in cells) for c in range(len(self.header))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (cells[0], tuple("-" * width for width in widths), *cells[1:])
        ]
        return "\n".join([self.title, *lines, *self.notes])

    def to_markdown(self) -> str:
        """Return the table as Markdown; formulas as text, so that it reads anywhere."""
        rows = [self.header, ("---",) * len(self.header), *self._cells(str)]
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        notes = [line for note in self.notes for line in ("", note)]
        return "\n".join([f"**{self.title}**", "", *lines, *notes]) + "\n"

    def to_latex(self) -> str:
        r"""Return the table as a LaTeX ``tabular`` with booktabs rules."""
        head, *body = [
            " & ".join(row) + r" \\" for row in [self._escaped(self.header), *self._cells(_tex)]
        ]
        lines = [r"\begin{tabular}{" + "l" * len(self.header) + "}", r"\toprule", head]
        lines += [r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
        return "\n".join(lines) + "\n"

    def to_csv(self) -> str:
        """Return the table as comma-separated text."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.header, *self._cells(str)])
        return text.getvalue()

    def _repr_html_(self) -> str:
        return table(self.header, self.rows, caption=self.title, notes=self.notes)

    def _cells(self, show: Callable[[Any], str]) -> list[tuple[str, ...]]:
        return [tuple(show(cell) for cell in row) for row in self.rows]

    def _escaped(self, cells: Iterable[str]) -> tuple[str, ...]:
        return tuple(_tex(cell) for cell in cells)


def _tex(cell: Any) -> str:
    if hasattr(cell, "latex"):
        return f"${cell.latex()}$"
    text = str(cell).replace("%", r"\%").replace("×", r"$\times$").replace("≥", r"$\geq$")
    return text.replace("ε", r"$\varepsilon$")


def complexity_table() -> Table:
    """Return what suffices to reach generalization error ε; computation is derived.

    Notes
    -----
    Source: the complexity table of P23; computation is derived in docs/theory/bounds.md.

    Examples
    --------
    >>> print(complexity_table())
    sufficient amounts to reach generalization error ε
    quantity                  dense CNN       pMoE, separate  pMoE, joint
    ------------------------  --------------  --------------  -----------------
    sample complexity         Ω(n⁸/ε¹⁶)       Ω(l⁸/ε¹⁶)       Ω(k⁴ l⁶/ε¹⁶)
    iteration complexity      O(n⁴/ε⁸)        O(l⁴/ε⁸)        O(k² l²/ε⁸)
    model complexity          Ω(n¹⁰/ε¹⁶)      Ω(l¹⁰/ε¹⁶)      Ω(k³ n² l⁶/ε¹⁶)
    computational complexity  O(B m n⁵ d/ε⁸)  O(B m l⁵ d/ε⁸)  O(B m k² l³ d/ε⁸)
    ...
    """
    rows = [
        (quantity, *(complexity(quantity, name) for name in ARCHITECTURES)) for quantity in STATED
    ]
    derived = [derive_computation(name).result for name in ARCHITECTURES]
    requires = [
        f"{TITLES[name]} requires {', '.join(a.text for a in bound.conditions)}."
        for name, bound in zip(ARCHITECTURES, derived, strict=True)
        if bound.conditions
    ]
    return Table(
        "sufficient amounts to reach generalization error ε",
        ("quantity", *(TITLES[name] for name in ARCHITECTURES)),
        (*rows, ("computational complexity", *derived)),
        (
            "Ω: so many samples and units suffice; O: no more iterations and operations needed.",
            "Computation is derived: iterations × operations of one step.",
            *requires,
        ),
    )


def savings_table() -> Table:
    """Return, for each quantity and pair, how many times less suffices, and where that is ≥ 1.

    Examples
    --------
    >>> print(savings_table().rows[0][2], savings_table().rows[0][3])
    n⁸/l⁸ l ≤ n
    """
    rows = []
    for quantity in QUANTITIES:
        for cheap, dear in PAIRS:
            first, second = complexity(quantity, cheap), complexity(quantity, dear)
            savings = derive_savings(first, second).result
            pair = f"{TITLES[cheap]} over {TITLES[dear]}"
            rows.append((quantity, pair, savings, wins(first, second)))
    return Table(
        "savings by the bounds: ratios of sufficient amounts",
        ("quantity", "pair", "ratio", "at least 1 where"),
        tuple(rows),
        ("Ratios of sufficient amounts are no lower limits of the true savings.",),
    )


def cluster_table() -> Table:
    """Return what holds on clusters whose features are each other's noise.

    Notes
    -----
    Source: `cluster_bounds`.

    Examples
    --------
    >>> for row in cluster_table().rows[:3]:
    ...     print(*row, sep="; ")
    test error of a sum over patches; ≥ 1/8; at least so much; Theorem 4.1 of C22
    number of experts; Θ(K log(K) log(log(d))); so much is enough; less may do; Theorem 4.2 of C22
    sample complexity; Ω(d); so much is enough; less may do; Theorem 4.2 of C22
    """
    found = cluster_bounds().values()
    assumed = dict.fromkeys((bound.source, "; ".join(bound.assumes)) for bound in found)
    return Table(
        "networks on clusters whose features are each other's noise",
        ("quantity", "bound", "reads", "source"),
        tuple((bound.quantity, bound, bound.reads, bound.source) for bound in found),
        tuple(f"{source} assumes: {words}." for source, words in assumed),
    )


PUBLISHED: tuple[Model, ...] = (DenseCNN(40), SeparateMoE(2, 40, 2), JointMoE(8, 40, 6))


def cost_table(
    models: tuple[Model, ...] = PUBLISHED,
    *,
    n_patches: int = 16,
    patch_dim: int = 784,
    batch_size: int = 20,
) -> Table:
    """Return exact operations and memory of one step; by default of the digit experiment.

    Parameters
    ----------
    models : tuple of models
        The first is what the others are compared with.
    n_patches, patch_dim, batch_size : int
        n, d, B.

    Raises
    ------
    ValueError
        If a size is impossible.

    Examples
    --------
    >>> cost_table().rows[1][1:4]
    ('5,085,280', '7.9', '0.0 %')
    """
    instance("models", models, Sequence, "a sequence of networks")
    for place, model in enumerate(models):
        check_network(model, f"models[{place}]")
    sizes = {"n_patches": n_patches, "patch_dim": patch_dim, "batch_size": batch_size}
    for size, value in sizes.items():
        integer(size, value, 1)
    rows = []
    first = None
    for model in models:
        name = architecture_of(model)
        values = sizes | {
            "n_routed": model.patches_per_expert(n_patches),
            "n_experts": model.n_experts,
            "n_hidden": model.n_hidden,
        }
        flops = step_flops(name).evaluate(**values)
        memory = step_memory(name).evaluate(**values)
        share = router_share().evaluate(**values) if name == "joint" else 0.0
        first = flops if first is None else first
        shown = f"m = {model.n_hidden}, k = {model.n_experts}, l = {values['n_routed']}"
        rows.append(
            (
                f"{TITLES[name]}, {shown}",
                f"{flops:,}",
                f"{first / flops:.1f}",
                f"{100 * share:.1f} %",
                f"{memory:,}",
            )
        )
    return Table(
        f"one step at n = {n_patches}, d = {patch_dim}, B = {batch_size}",
        ("network", "operations", "times fewer than the first", "routers' part", "numbers held"),
        tuple(rows),
        ("Separate training pays for its routers before the first step of the experts.",),
    )


TABLES = {
    "complexity": complexity_table,
    "savings": savings_table,
    "costs": cost_table,
    "clusters": cluster_table,
}


def write_tables(folder: PathLike) -> list[Path]:
    """Write every table as Markdown, LaTeX and CSV; return the files.

    Examples
    --------
    >>> import tempfile
    >>> sorted(path.name for path in write_tables(tempfile.mkdtemp()))[:3]
    ['clusters.csv', 'clusters.md', 'clusters.tex']
    """
    target = expanded(folder, "folder")
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, make in TABLES.items():
        table = make()
        forms = {".md": table.to_markdown(), ".tex": table.to_latex(), ".csv": table.to_csv()}
        for suffix, text in forms.items():
            path = target / (name + suffix)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written
