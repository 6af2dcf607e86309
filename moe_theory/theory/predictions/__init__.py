"""Predictions from the same objects that the simulator takes, without fitted parameters.

Routers, their success without spread, token choice and the error after one step are exact; a few
steps follow from the cavity method; networks trained to a small loss from reduced equations,
averaged over training sets. Their accuracy is stated in docs/theory.
"""

from moe_theory.theory.predictions.aligned import (
    AlignedSuccess,
    aligned_success,
    certain_n_routed,
)
from moe_theory.theory.predictions.asymptotic import (
    ONE_STEP_ERROR,
    ONE_STEP_EXPONENTS,
    ONE_STEP_SAMPLES,
    one_step_error_asymptotic,
    one_step_samples_asymptotic,
)
from moe_theory.theory.predictions.few_steps import FewStepsError, few_steps_error
from moe_theory.theory.predictions.joint import JointError, joint_error
from moe_theory.theory.predictions.joint_race import JointRace, joint_race, opening_time
from moe_theory.theory.predictions.joint_samples import JointSamples, joint_samples
from moe_theory.theory.predictions.one_step import (
    OneStepError,
    one_step_error,
    one_step_error_gaussian,
)
from moe_theory.theory.predictions.queues import place_success, ranked_success
from moe_theory.theory.predictions.router_needed import trained_n_routed
from moe_theory.theory.predictions.router_success import (
    router_success,
    router_success_gaussian,
    training_router_success,
    training_router_success_gaussian,
)
from moe_theory.theory.predictions.routers import expected_router_gradient, trained_routers
from moe_theory.theory.predictions.success import RouterSuccess
from moe_theory.theory.predictions.token_choice import (
    ExpertSuccess,
    Rivals,
    expert_choice_success,
    rivals,
    token_choice_success,
)
from moe_theory.theory.predictions.trained import TrainedError, trained_error
from moe_theory.theory.predictions.trained_samples import trained_samples
from moe_theory.theory.predictions.untrained import (
    untrained_expert_success,
    untrained_token_success,
)

__all__ = [
    "ONE_STEP_ERROR",
    "ONE_STEP_EXPONENTS",
    "ONE_STEP_SAMPLES",
    "AlignedSuccess",
    "ExpertSuccess",
    "FewStepsError",
    "JointError",
    "JointRace",
    "JointSamples",
    "OneStepError",
    "Rivals",
    "RouterSuccess",
    "TrainedError",
    "aligned_success",
    "certain_n_routed",
    "expected_router_gradient",
    "expert_choice_success",
    "few_steps_error",
    "joint_error",
    "joint_race",
    "joint_samples",
    "one_step_error",
    "one_step_error_asymptotic",
    "one_step_error_gaussian",
    "one_step_samples_asymptotic",
    "opening_time",
    "place_success",
    "ranked_success",
    "rivals",
    "router_success",
    "router_success_gaussian",
    "token_choice_success",
    "trained_error",
    "trained_n_routed",
    "trained_routers",
    "trained_samples",
    "training_router_success",
    "training_router_success_gaussian",
    "untrained_expert_success",
    "untrained_token_success",
]
