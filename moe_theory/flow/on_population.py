"""`population_flow`: gradient flow of the mean loss over everything that can occur."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from moe_theory._arguments import check_network, check_samples
from moe_theory._blas import single_blas_thread
from moe_theory._random import Seed, seed_sequence, substream
from moe_theory._validation import choice, instance, integer, reject
from moe_theory.data.patch_data import PatchData
from moe_theory.data.patterns import PatchPatterns
from moe_theory.flow.dense_population import LawAverage
from moe_theory.flow.loss_averages import Average
from moe_theory.flow.measure import Observer, average_over, check_followed
from moe_theory.flow.ode import (
    PatternFlow,
    Patterns,
    Tolerances,
    check_dictionary,
    check_same_dictionary,
    check_times,
)
from moe_theory.flow.on_data import departure, flow_times, initial_weights
from moe_theory.flow.result import Flow
from moe_theory.flow.weighted_inputs import MAX_INPUTS, enumerate_inputs, n_possible, of_data
from moe_theory.models import DenseCNN, Model, Weights
from moe_theory.predictions.routers.after_training import expected_router_gradient
from moe_theory.training.sgd import SGD

Method = Literal["auto", "law", "enumerate", "sample"]


def population_flow(
    model: Model,
    patterns: PatchPatterns,
    sgd: SGD,
    seed: Seed = 0,
    *,
    method: Method = "auto",
    n_samples: int = 20_000,
    test: PatchData | None = None,
    times: ArrayLike | None = None,
    correction: Literal["none", "step"] = "none",
    tolerances: Tolerances | None = None,
) -> Flow:
    """Follow the gradient flow of the expected loss: training on unlimited samples.

    Parameters
    ----------
    model : DenseCNN, SeparateMoE or JointMoE
        The architecture. Separate routers have followed the mean of their gradient.
    patterns : PatchPatterns
        The law of the inputs, without spread.
    sgd : SGD
        Loss, learning rates and numbers of steps, which may not be given in epochs.
    seed : int or SeedSequence
        As for `train`; it draws the initial weights and, with ``method="sample"``, the sample.
    method : {"auto", "law", "enumerate", "sample"}
        How the expectation is taken: over the law of the sum of the patches (dense networks with
        the logistic loss; exact for any n and p); over all inputs (at most 20,000 of them); over
        a large fixed sample, with ``loss_error`` in the result. "auto" takes the first that can
        be done.
    n_samples : int
        Size of that sample.
    test, times, correction, tolerances
        As for `gradient_flow`.

    Returns
    -------
    Flow

    Raises
    ------
    ValueError
        If an assumption fails; the message names it.
    FlowError
        If the integration does not reach the end.

    Notes
    -----
    Source: derived in docs/theory/dynamics.md.

    Examples
    --------
    >>> from moe_theory.models import DenseCNN
    >>> patterns = PatchPatterns(n_patches=32, n_irrelevant=64, patch_dim=66)
    >>> sgd = SGD(6.0, batch_size=20, n_steps=5000)
    >>> flow = population_flow(DenseCNN(10), patterns, sgd)
    >>> bool(flow.loss[-1] < 0.2 * flow.loss[0])
    True
    """
    check_network(model)
    instance("patterns", patterns, PatchPatterns, "PatchPatterns, the law of the inputs")
    instance("sgd", sgd, SGD, "an SGD")
    seed_sequence(seed)
    if test is not None:
        check_samples(test, "test")
    model.patches_per_expert(patterns.n_patches)
    check_followed(model, sgd)
    chosen = _method(method, model, patterns, sgd)
    choice("correction", correction, ("none", "step"))
    if sgd.n_steps is None:
        raise reject("n_steps", None, "given: a population has no epochs")
    if patterns.spread > 0:
        raise reject("spread", patterns.spread, "0: the flow lives on a finite dictionary")
    check_dictionary(patterns.dictionary)
    if test is not None:
        check_same_dictionary("test", test, patterns.dictionary)
    n_samples = integer("n_samples", n_samples, 2)
    size = n_samples if chosen == "sample" else None
    with single_blas_thread():
        start = initial_weights(model, patterns.n_patches, patterns.patch_dim, sgd, seed)
        if model.routers_first:
            start = _with_mean_routers(model, start, patterns, sgd)
        known = Patterns(patterns.dictionary)
        average: Average
        shown = None
        if chosen == "law":
            average = LawAverage(patterns, sgd.loss)
        else:
            if size is None:
                shown = enumerate_inputs(patterns)
            else:
                shown = of_data(patterns.sample(size, substream(seed, "population")))
            average = average_over(model, shown, known, start, sgd.loss)
        system = PatternFlow(
            model,
            average,
            known,
            start,
            router_ratio=sgd.router_rate / sgd.learning_rate,
            departure=departure(correction, model, sgd, known, sgd.batch_size),
            tolerances=tolerances,
        )
        when = flow_times(sgd, 1) if times is None else check_times(times)
        states, count = system.solve(when)
    if not model.has_routers:
        shown = None
    return Observer((0, 1), shown, test, size, sgd.loss).flow(system, when, states, count)


def _method(method: str, model: Model, patterns: PatchPatterns, sgd: SGD) -> str:
    choice("method", method, ("auto", "law", "enumerate", "sample"))
    means = isinstance(model, DenseCNN) and model.pooling == "mean"
    lawful = means and sgd.loss == "logistic"
    if method == "law" and model.has_routers:
        allowed = '"enumerate" or "sample" unless the network is dense'
        raise reject("method", method, allowed)
    if method == "law" and not means:
        raise reject("method", method, '"enumerate" or "sample" unless outputs are means')
    if method != "auto":
        return method
    independent = patterns.max_closer is None
    if lawful and independent:
        return "law"
    return "enumerate" if independent and n_possible(patterns) <= MAX_INPUTS else "sample"


def _with_mean_routers(model: Model, start: Weights, patterns: PatchPatterns, sgd: SGD) -> Weights:
    """Return the weights after router training on unlimited samples."""
    if sgd.router_n_epochs is not None:
        raise reject("router_n_epochs", sgd.router_n_epochs, "None: a population has no epochs")
    assert start.routers is not None
    # Without balancing, the mean of ĝ does not depend on N.
    mean = expected_router_gradient(replace(patterns, balanced=False), n_train=1)
    signs = np.where(np.arange(model.n_experts) % 2 == 0, 1.0, -1.0)
    reach = sgd.router_rate * sgd.router_steps(1)
    return Weights(start.experts, start.output, start.routers + reach * signs[:, None] * mean)
