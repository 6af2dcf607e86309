"""Predictions from the same objects that the simulator takes, without fitted parameters.

Routers, their success without spread, token choice and the error after one step are exact; a few
steps follow from the cavity method; networks trained to a small loss from reduced equations,
averaged over training sets. Their accuracy is stated in docs/theory.
"""

from moe_theory.predictions.few_steps.error import FewStepsError, few_steps_error
from moe_theory.predictions.joint.error import JointError, joint_error
from moe_theory.predictions.joint.race import JointRace, joint_race, opening_time
from moe_theory.predictions.joint.samples_to import JointSamples, joint_samples
from moe_theory.predictions.one_step.error import (
    OneStepError,
    one_step_error,
    one_step_error_gaussian,
)
from moe_theory.predictions.one_step.limit import (
    ONE_STEP_ERROR,
    ONE_STEP_EXPONENTS,
    ONE_STEP_SAMPLES,
    one_step_error_asymptotic,
    one_step_samples_asymptotic,
)
from moe_theory.predictions.routers.after_training import expected_router_gradient, trained_routers
from moe_theory.predictions.routers.ideal import (
    AlignedSuccess,
    aligned_success,
    certain_n_routed,
)
from moe_theory.predictions.routers.least_routed import trained_n_routed
from moe_theory.predictions.routers.result import RouterSuccess
from moe_theory.predictions.routers.success import (
    router_success,
    router_success_gaussian,
    training_router_success,
    training_router_success_gaussian,
)
from moe_theory.predictions.token_choice.queue_success import place_success, ranked_success
from moe_theory.predictions.token_choice.success import (
    ExpertSuccess,
    Rivals,
    expert_choice_success,
    rivals,
    token_choice_success,
)
from moe_theory.predictions.token_choice.untrained import (
    untrained_expert_success,
    untrained_token_success,
)
from moe_theory.predictions.trained.error import TrainedError, trained_error
from moe_theory.predictions.trained.samples_to import trained_samples

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
