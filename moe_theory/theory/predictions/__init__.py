"""Predictions from the same objects that the simulator takes, without fitted parameters.

Routers, their success and the error after one step are exact; networks trained to a small loss
follow from a cavity theory, whose accuracy docs/theory/trained.md states.
"""

from moe_theory.theory.predictions.aligned import (
    AlignedSuccess,
    aligned_success,
    certain_n_routed,
)
from moe_theory.theory.predictions.asymptotic import (
    ONE_STEP_ERROR,
    ONE_STEP_SAMPLES,
    one_step_error_asymptotic,
    one_step_samples_asymptotic,
)
from moe_theory.theory.predictions.one_step import (
    OneStepError,
    one_step_error,
    one_step_error_gaussian,
)
from moe_theory.theory.predictions.router_success import (
    router_success,
    router_success_gaussian,
)
from moe_theory.theory.predictions.routers import expected_router_gradient, trained_routers
from moe_theory.theory.predictions.success import RouterSuccess
from moe_theory.theory.predictions.trained import TrainedError, trained_error
from moe_theory.theory.predictions.trained_samples import trained_samples

__all__ = [
    "ONE_STEP_ERROR",
    "ONE_STEP_SAMPLES",
    "AlignedSuccess",
    "OneStepError",
    "RouterSuccess",
    "TrainedError",
    "aligned_success",
    "certain_n_routed",
    "expected_router_gradient",
    "one_step_error",
    "one_step_error_asymptotic",
    "one_step_error_gaussian",
    "one_step_samples_asymptotic",
    "router_success",
    "router_success_gaussian",
    "trained_error",
    "trained_routers",
    "trained_samples",
]
