"""The published bounds as objects: derivations, costs, tables, and checks against measurements."""

from moe_theory.bounds.bound import ARCHITECTURES, Bound
from moe_theory.bounds.check import Check, check
from moe_theory.bounds.clusters import cluster_bounds
from moe_theory.bounds.derivations import (
    Derivation,
    Region,
    derive_computation,
    derive_savings,
    wins,
)
from moe_theory.bounds.formula import Formula
from moe_theory.bounds.growth import Growth
from moe_theory.bounds.measurements import Measurements
from moe_theory.bounds.omitted_costs import (
    derive_router_share,
    derive_router_training,
)
from moe_theory.bounds.parameters import PARAMETERS, SYMBOL, Parameter, parameter
from moe_theory.bounds.patch_sums import best_patch_sum, patch_sum_floor, symmetric_sum_error
from moe_theory.bounds.published import (
    QUANTITIES,
    complexity,
    pruning_bounds,
    router_bounds,
)
from moe_theory.bounds.symbolic_costs import (
    router_share,
    step_flops,
    step_memory,
    training_flops,
)
from moe_theory.bounds.tables import (
    TABLES,
    Table,
    cluster_table,
    complexity_table,
    cost_table,
    savings_table,
    write_tables,
)

__all__ = [
    "ARCHITECTURES",
    "PARAMETERS",
    "QUANTITIES",
    "SYMBOL",
    "TABLES",
    "Bound",
    "Check",
    "Derivation",
    "Formula",
    "Growth",
    "Measurements",
    "Parameter",
    "Region",
    "Table",
    "best_patch_sum",
    "check",
    "cluster_bounds",
    "cluster_table",
    "complexity",
    "complexity_table",
    "cost_table",
    "derive_computation",
    "derive_router_share",
    "derive_router_training",
    "derive_savings",
    "parameter",
    "patch_sum_floor",
    "pruning_bounds",
    "router_bounds",
    "router_share",
    "savings_table",
    "step_flops",
    "step_memory",
    "symmetric_sum_error",
    "training_flops",
    "wins",
    "write_tables",
]
