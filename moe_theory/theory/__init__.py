"""The analytic half: bounds as objects, derivations, costs, checks, exact statements."""

from moe_theory.theory.bounds import (
    ARCHITECTURES,
    QUANTITIES,
    Bound,
    complexity,
    pruning_bounds,
    router_bounds,
)
from moe_theory.theory.check import Check, Growth, check
from moe_theory.theory.derivations import (
    Derivation,
    Region,
    derive_computation,
    derive_savings,
    wins,
)
from moe_theory.theory.formula import Formula
from moe_theory.theory.measurements import Measurements
from moe_theory.theory.parameters import PARAMETERS, SYMBOL, Parameter, parameter
from moe_theory.theory.silent import (
    derive_lower_order,
    derive_router_share,
    derive_router_training,
)
from moe_theory.theory.symbolic_costs import (
    predict_flops,
    router_share,
    step_flops,
    step_memory,
    training_flops,
    training_memory,
)
from moe_theory.theory.tables import (
    Table,
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
    "Bound",
    "Check",
    "Derivation",
    "Formula",
    "Growth",
    "Measurements",
    "Parameter",
    "Region",
    "Table",
    "check",
    "complexity",
    "complexity_table",
    "cost_table",
    "derive_computation",
    "derive_lower_order",
    "derive_router_share",
    "derive_router_training",
    "derive_savings",
    "parameter",
    "predict_flops",
    "pruning_bounds",
    "router_bounds",
    "router_share",
    "savings_table",
    "step_flops",
    "step_memory",
    "training_flops",
    "training_memory",
    "wins",
    "write_tables",
]
