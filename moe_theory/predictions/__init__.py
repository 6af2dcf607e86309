"""Predictions from the same objects that the simulator takes, without fitted parameters.

One folder per thing that is predicted: `one_step`, `few_steps`, `trained` and `joint` networks,
`routers`, `token_choice`, and `images`, which do not repeat as patterns do. ``<thing>_error``
predicts the test error at N, ``<thing>_samples_to`` the N at which it falls to ε, and
``<thing>_setting`` checks what is assumed.

Routers, their success without spread, token choice and the error after one step are exact; a few
steps follow from the cavity method; networks trained to a small loss from random trainings that are
followed by reduced equations. Their accuracy is stated in docs/theory. How finely a solver works is
said by constants at the top of its file: `trained/kernels.py`, `joint/error.py`,
`few_steps/error.py`, `one_step/irrelevant_sum.py`; of a flow, by its argument ``tolerances``.
"""

from moe_theory.predictions.few_steps.error import FewStepsError, few_steps_error
from moe_theory.predictions.images.error import ImageError, error_on_images
from moe_theory.predictions.images.one_step import ImageStepError, one_step_error_on_images
from moe_theory.predictions.images.router_success import (
    ImageRouterSuccess,
    router_success_on_images,
)
from moe_theory.predictions.joint.error import JointError, joint_error
from moe_theory.predictions.joint.samples_to import JointSamplesTo, joint_samples_to
from moe_theory.predictions.one_step.error import OneStepError, one_step_error
from moe_theory.predictions.one_step.limit import (
    ONE_STEP_ERROR,
    ONE_STEP_SAMPLES,
    one_step_error_asymptotic,
    one_step_samples_asymptotic,
)
from moe_theory.predictions.predicted_error import PredictedError
from moe_theory.predictions.routers.after_training import expected_router_gradient, trained_routers
from moe_theory.predictions.routers.aligned_routers import (
    AlignedSuccess,
    aligned_success,
    certain_n_routed,
)
from moe_theory.predictions.routers.coverage import coverage_probability
from moe_theory.predictions.routers.every_input import every_input_success
from moe_theory.predictions.routers.least_routed import trained_n_routed
from moe_theory.predictions.routers.success import RouterSuccess, router_success
from moe_theory.predictions.token_choice.balance_loss import (
    ScoreForces,
    balance_threshold,
    push_to_leave,
    resting_gate,
    score_forces,
)
from moe_theory.predictions.token_choice.loss_free_bias import (
    BalancedChoice,
    BiasCycle,
    balanced_bias,
    bias_cycle,
)
from moe_theory.predictions.token_choice.meeting import meeting_chance, shared_experts
from moe_theory.predictions.token_choice.noisy_choice import choice_chances, experts_visited
from moe_theory.predictions.token_choice.queue_success import place_success, ranked_success
from moe_theory.predictions.token_choice.success import (
    ExpertSuccess,
    Rivals,
    expert_choice_success,
    rivals,
    token_choice_success,
)
from moe_theory.predictions.token_choice.symmetry import symmetry_growth
from moe_theory.predictions.token_choice.untrained import (
    untrained_expert_success,
    untrained_token_success,
)
from moe_theory.predictions.trained.error import TrainedError, trained_error, trained_samples_to

__all__ = [
    "ONE_STEP_ERROR",
    "ONE_STEP_SAMPLES",
    "AlignedSuccess",
    "BalancedChoice",
    "BiasCycle",
    "ExpertSuccess",
    "FewStepsError",
    "ImageError",
    "ImageRouterSuccess",
    "ImageStepError",
    "JointError",
    "JointSamplesTo",
    "OneStepError",
    "PredictedError",
    "Rivals",
    "RouterSuccess",
    "ScoreForces",
    "TrainedError",
    "aligned_success",
    "balance_threshold",
    "balanced_bias",
    "bias_cycle",
    "certain_n_routed",
    "choice_chances",
    "coverage_probability",
    "error_on_images",
    "every_input_success",
    "expected_router_gradient",
    "expert_choice_success",
    "experts_visited",
    "few_steps_error",
    "joint_error",
    "joint_samples_to",
    "meeting_chance",
    "one_step_error",
    "one_step_error_asymptotic",
    "one_step_error_on_images",
    "one_step_samples_asymptotic",
    "place_success",
    "push_to_leave",
    "ranked_success",
    "resting_gate",
    "rivals",
    "router_success",
    "router_success_on_images",
    "score_forces",
    "shared_experts",
    "symmetry_growth",
    "token_choice_success",
    "trained_error",
    "trained_n_routed",
    "trained_routers",
    "trained_samples_to",
    "untrained_expert_success",
    "untrained_token_success",
]
