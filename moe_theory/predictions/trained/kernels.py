"""Inner loops of the theory of trained networks: steps of SGD, and gradient flow."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from moe_theory.kernels.jit import kernel

Array = NDArray[Any]

# A step of the flow, in units of the time in which the fastest mode relaxes, how often that is
# asked for, and by how much a step may be longer than the one before.
STRIDE, RENEWED, GROWTH = 0.7, 4, 1.4
# How close the flow comes to the loss. It is stuck where the loss falls by less than a share in so
# many steps; elsewhere it falls by a factor in a few, as steps grow with time.
CLOSE, PATIENCE, PROGRESS = 1e-3, 500, 0.05


class Inputs(NamedTuple):
    """``held`` (N, width) are the places of the patterns that a sample sends, −1 for none."""

    held: Array
    labels: Array


class Units(NamedTuple):
    """All units on all places, which are the patterns of one expert after the other's.

    ``z`` (places, units) are pre-activations, ``outputs`` (units,) is ±1, ``heights`` (places,)
    are h, and ``pulls`` (places,) is for what samples ask for.
    """

    z: Array
    outputs: Array
    heights: Array
    pulls: Array


class Coupling(NamedTuple):
    """``gram`` (C, C) of the coupled patterns, their ``places`` (experts, C), all other places."""

    gram: Array
    places: Array
    alone: Array


class Steps(NamedTuple):
    """One epoch of SGD: the ``order`` (N,) of the samples, B, and η times the output ``scale``."""

    order: Array
    batch_size: int
    rate: float
    scale: float


class Ending(NamedTuple):
    """When the flow ends: at the mean loss ``target``, and then at the end of an ``epoch``."""

    target: float
    epoch: float
    scale: float


@kernel
def play_epoch(
    inputs: Inputs, units: Units, coupling: Coupling, steps: Steps
) -> tuple[float, float]:
    """Take the steps of one epoch, and return the mean margin of both classes in its batches."""
    order, scale = steps.order, steps.scale
    positive = negative = n_positive = 0.0
    for first in range(0, len(order), steps.batch_size):
        batch = order[first : first + steps.batch_size]
        units.pulls[:] = 0
        for i in batch:
            margin = scale * _field(inputs, units.heights, i)
            if inputs.labels[i] > 0:
                positive += margin
                n_positive += 1
            else:
                negative += margin
            amount = steps.rate / len(batch) * _slope(margin)
            _pull(inputs, units.pulls, i, inputs.labels[i] * amount)
        _move_all(units, coupling)
    return positive / max(n_positive, 1.0), negative / max(len(order) - n_positive, 1.0)


@kernel
def flow_to_loss(
    inputs: Inputs, units: Units, coupling: Coupling, ending: Ending
) -> tuple[float, bool]:
    """Follow gradient flow to its ``ending``; return its time, and whether it got there.

    In unit time a sample of slope 1 pulls each of its patterns by 1. Steps are as long as the
    fastest mode of all margins allows, with the slopes of their middles: 1/slope goes on as in the
    step before, and so does 1/loss, which says where the flow ends.
    """
    time = stride = longest = 0.0
    before = mark = end = np.inf
    slopes, earlier = np.zeros((2, len(inputs.labels)))
    count = 0
    while True:
        earlier, slopes = slopes, earlier
        loss = _look(inputs, units.heights, ending.scale, slopes)
        if end == np.inf and loss <= ending.target * (1 + CLOSE):
            end = math.ceil(time / ending.epoch) * ending.epoch
        if time >= end * (1 - 1e-9):
            return time, True
        if count % PATIENCE == 0:
            if not loss <= (1 - PROGRESS) * mark:
                return time, False
            mark = loss
        if count % RENEWED == 0:
            longest = STRIDE / (ending.scale * _fastest(inputs, units, coupling, slopes))
        last, gain = stride, (1 / loss - 1 / before) / stride if count else 0.0
        stride = min(longest, GROWTH * last if count else longest / 4, end - time)
        if end == np.inf and gain > 0:
            stride = min(stride, (1 / ending.target - 1 / loss) / gain)
        ahead = 0.5 * stride / last if count else 0.0
        units.pulls[:] = 0
        for i in range(len(slopes)):
            bend = ahead * (1 - slopes[i] / earlier[i]) if earlier[i] > 0 else 0.0
            slope = slopes[i] / max(1 + bend, 0.5)
            _pull(inputs, units.pulls, i, inputs.labels[i] * stride * slope)
        _move_all(units, coupling)
        before, time, count = loss, time + stride, count + 1


@kernel
def _look(inputs: Inputs, heights: Array, scale: float, slopes: Array) -> float:
    """Write σ(−m) of all samples to ``slopes``, and return their mean loss."""
    loss = 0.0
    for i in range(len(slopes)):
        margin = scale * _field(inputs, heights, i)
        slopes[i] = _slope(margin)
        loss += math.log1p(math.exp(-margin)) if margin > -500 else -margin
    return loss / len(slopes)


@kernel
def _fastest(inputs: Inputs, units: Units, coupling: Coupling, slopes: Array) -> float:
    """Return a bound of the largest eigenvalue of K·diag(σ(−m)σ(m)), its largest row sum.

    Signs of the labels do not matter to it, so that all entries count as positive.
    """
    units.pulls[:] = 0
    for i in range(len(slopes)):
        _pull(inputs, units.pulls, i, slopes[i] * (1 - slopes[i]))
    for places in coupling.places:
        units.pulls[places] = (np.abs(coupling.gram) * units.pulls[places]).sum(axis=1)
    for at in range(len(units.pulls)):
        units.pulls[at] *= (units.z[at] > 0).sum()
    largest = 0.0
    for i in range(len(slopes)):
        largest = max(largest, abs(_field(inputs, units.pulls, i)))
    return max(largest, 1e-300)


@kernel
def _slope(margin: float) -> float:
    return 1 / (1 + math.exp(margin)) if margin < 500 else 0.0


@kernel
def _field(inputs: Inputs, heights: Array, i: int) -> float:
    """Return y_i Σ_p x_ip h_p."""
    field = 0.0
    for at in inputs.held[i]:
        if at >= 0:
            field += heights[at]
    return float(inputs.labels[i] * field)


@kernel
def _pull(inputs: Inputs, pulls: Array, i: int, amount: float) -> None:
    for at in inputs.held[i]:
        if at >= 0:
            pulls[at] += amount


@kernel
def _move_all(units: Units, coupling: Coupling) -> None:
    """Move all units along the patterns that they are active on."""
    for at in coupling.alone:
        pull = units.pulls[at]
        if pull != 0:
            height = 0.0
            for r in range(len(units.outputs)):
                if units.z[at, r] > 0:
                    units.z[at, r] += units.outputs[r] * pull
                    height += units.outputs[r] * max(units.z[at, r], 0.0)
            units.heights[at] = height
    for places in coupling.places:
        _move_together(units, places, coupling.gram)


@kernel
def _move_together(units: Units, places: Array, gram: Array) -> None:
    """Move units along coupled patterns: a pull on one of them moves a unit on all."""
    taken = np.empty(len(places))
    units.heights[places] = 0
    for r in range(len(units.outputs)):
        for q, at in enumerate(places):
            taken[q] = units.pulls[at] if units.z[at, r] > 0 else 0.0
        for q, at in enumerate(places):
            moved = 0.0
            for other in range(len(places)):
                moved += gram[q, other] * taken[other]
            units.z[at, r] += units.outputs[r] * moved
            units.heights[at] += units.outputs[r] * max(units.z[at, r], 0.0)
