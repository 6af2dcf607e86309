"""Twins that count: the algorithm of `moe_theory.costs`, one scalar operation at a time."""

import numpy as np
from counter import Counter
from counting_token import token_step
from token_twin import top_l

from moe_theory import DenseCNN, JointMoE, SampleMoE, TokenChoiceMoE


class CountingSGD:
    """One network, trained by scalar operations."""

    def __init__(self, model, weights, sgd):
        self.model, self.sgd, self.loss = model, sgd, sgd.loss
        self.rate, self.router_rate = sgd.learning_rate, sgd.router_rate
        self.normalize, self.balance = sgd.normalize_experts, sgd.balance_weight
        self.w = weights.experts.astype(float).copy()
        self.a = weights.output.astype(float)
        self.routers = None if weights.routers is None else weights.routers.astype(float).copy()
        self.bias = None if weights.bias is None else weights.bias.astype(float).copy()
        if sgd.bias_rate and self.bias is None:
            self.bias = np.zeros(model.n_experts)
        self.c = Counter()

    def slope(self, y, f, factor, size):
        """Derivative of the mean loss in f, times the output scale."""
        c = self.c
        margin = y * f
        if self.loss == "hinge":
            derivative = -1.0 if c.add(1.0, -margin) > 0 else 0.0
        else:
            derivative = c.div(-1.0, c.add(1.0, c.exp(c.mul(y, f))))
        return c.div(c.mul(c.mul(derivative, y), factor), size)

    def step(self, xs, ys, noise=None):
        """One SGD step on a batch; ``xs`` lists, per input, its n patches."""
        if isinstance(self.model, SampleMoE):
            self._sample_step(xs, ys, noise)
        elif isinstance(self.model, TokenChoiceMoE):
            token_step(self, xs, ys, noise)
        elif isinstance(self.model, JointMoE):
            self._joint_step(xs, ys)
        else:
            self._fixed_step(xs, ys)

    def experts(self):
        """The units of each expert, those of shared ones last."""
        n_experts = self.model.n_experts + getattr(self.model, "n_shared", 0)
        units = self.model.n_hidden // n_experts
        return [range(s * units, (s + 1) * units) for s in range(n_experts)]

    def _fixed_step(self, xs, ys):
        """``xs`` (B, k, l, d) holds what each expert receives."""
        c, size = self.c, len(xs)
        factor = self.model.output_scale(self.n_patches)
        gradient = np.zeros_like(self.w)
        for x, y in zip(xs, ys, strict=True):
            active, f = {}, 0.0
            for s, units in enumerate(self.experts()):
                for r in units:
                    pooled = 0.0
                    for j, patch in enumerate(x[s]):
                        z = c.dot(self.w[r], patch)
                        active[r, j] = z
                        pooled = c.add(pooled, self._phi(z))
                    f = c.add(f, c.mul(self.a[r], pooled))
            slope = self.slope(y, c.mul(f, factor), factor, size)
            for s, units in enumerate(self.experts()):
                for r in units:
                    for j, patch in enumerate(x[s]):
                        unit_slope = self._through(c.mul(slope, self.a[r]), active[r, j])
                        for q in range(len(patch)):
                            gradient[r, q] = c.add(gradient[r, q], c.mul(unit_slope, patch[q]))
        self.update(self.w, self._normalized(gradient), self.rate)

    def _joint_step(self, xs, ys):
        """``xs`` (B, n, d) holds all patches."""
        c, size, model = self.c, len(xs), self.model
        factor = model.output_scale(len(xs[0]))
        gradient, router_gradient = np.zeros_like(self.w), np.zeros_like(self.routers)
        for x, y in zip(xs, ys, strict=True):
            f, memory = 0.0, []
            for s, units in enumerate(self.experts()):
                scores = [c.dot(self.routers[s], patch) for patch in x]
                places = top_l(scores, model.n_routed)
                gates = self._softmax([scores[j] for j in places])
                active, values = {}, []
                for j, gate in zip(places, gates, strict=True):
                    value = 0.0
                    for r in units:
                        z = c.dot(self.w[r], x[j])
                        active[r, j] = z > 0
                        value = c.add(value, c.mul(self.a[r], max(z, 0.0)))
                    values.append(value)
                    f = c.add(f, c.mul(gate, value))
                memory.append((places, gates, values, active))
            slope = self.slope(y, c.mul(f, factor), factor, size)
            for s, units in enumerate(self.experts()):
                places, gates, values, active = memory[s]
                mean = c.dot(gates, values)
                for j, gate, value in zip(places, gates, values, strict=True):
                    gated = c.mul(slope, gate)
                    gate_slope = c.mul(gated, c.add(value, -mean))
                    for q in range(x.shape[1]):
                        change = c.mul(gate_slope, x[j, q])
                        router_gradient[s, q] = c.add(router_gradient[s, q], change)
                    for r in units:
                        unit_slope = c.mul(gated, self.a[r]) * active[r, j]
                        for q in range(x.shape[1]):
                            gradient[r, q] = c.add(gradient[r, q], c.mul(unit_slope, x[j, q]))
        self.update(self.w, gradient, self.rate)
        self.update(self.routers, router_gradient, self.router_rate)

    def _sample_step(self, xs, ys, noise):
        """``xs`` (B, n, d) holds all patches, ``noise`` (B, k) is None where there is none."""
        c, size, model = self.c, len(xs), self.model
        units, gated = self.experts(), model.gate == "softmax"
        factor = model.output_scale(len(xs[0]))
        gradient, router_gradient = np.zeros_like(self.w), np.zeros_like(self.routers)
        sums, gates, leads, chosen = [], [], [], []
        for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
            total = np.zeros(x.shape[1])
            for patch in x:
                total = np.array([c.add(old, new) for old, new in zip(total, patch, strict=True)])
            scores = [c.dot(router, total) for router in self.routers]
            noisy = scores if noise is None else list(map(c.add, scores, noise[i]))
            s = top_l(noisy, 1)[0]
            own = self._softmax(scores) if gated or self.balance else None
            z, f = {}, 0.0
            for r in units[s]:
                pooled = 0.0
                for j, patch in enumerate(x):
                    z[r, j] = c.dot(self.w[r], patch)
                    pooled = c.add(pooled, self._phi(z[r, j]))
                f = c.add(f, c.mul(self.a[r], pooled))
            value, f = f, c.mul(own[s], f) if gated else f
            slope, lead = self.slope(y, c.mul(f, factor), factor, size), np.zeros(len(scores))
            if gated:
                slope = c.mul(slope, own[s])
                score_slope = c.mul(slope, value)
                lead = np.array([-c.mul(score_slope, gate) for gate in own])
                lead[s] = c.add(lead[s], score_slope)
            for j, r in np.ndindex(len(x), len(units[s])):
                unit_slope = self._through(c.mul(slope, self.a[units[s][r]]), z[units[s][r], j])
                row = gradient[units[s][r]]
                for q in range(x.shape[1]):
                    row[q] = c.add(row[q], c.mul(unit_slope, x[j, q]))
            for known, new in ((sums, total), (gates, own), (leads, lead), (chosen, s)):
                known.append(new)
        if self.balance:
            self._add_balance(gates, leads, chosen)
        if gated or self.balance:
            for i, s, q in np.ndindex(size, model.n_experts, len(sums[0])):
                change = c.mul(leads[i][s], sums[i][q])
                router_gradient[s, q] = c.add(router_gradient[s, q], change)
            self.update(self.routers, router_gradient, self.router_rate)
        self.update(self.w, self._normalized(gradient), self.rate)

    def _add_balance(self, gates, leads, chosen):
        """Add the slopes of λ·k·Σ_m f_m P_m in the scores, with the shares f taken as fixed."""
        c, n_experts, size = self.c, len(gates[0]), len(gates)
        factor = c.div(c.mul(self.balance, n_experts), size)
        shares = [c.mul(factor, c.div(chosen.count(m), size)) for m in range(n_experts)]
        for own, lead in zip(gates, leads, strict=True):
            mean = c.dot(shares, own)
            for m in range(n_experts):
                lead[m] = c.add(lead[m], c.mul(own[m], c.add(shares[m], -mean)))

    def _phi(self, z):
        """φ(z); what is larger is not counted."""
        if self.model.activation == "cubic":
            return self.c.mul(self.c.mul(z, z), z)
        return max(z, 0.0) if self.model.activation == "relu" else z

    def _through(self, slope, z):
        """``slope`` times φ′(z)."""
        if self.model.activation == "cubic":
            return self.c.mul(slope, self.c.mul(self.c.mul(3.0, z), z))
        return slope * (z > 0) if self.model.activation == "relu" else slope

    def _normalized(self, gradient):
        """Every expert's gradient at unit length, if that is asked for; 0 stays 0."""
        if not self.normalize:
            return gradient
        c, out = self.c, np.zeros_like(gradient)
        for units in self.experts():
            square = 0.0
            for r, q in np.ndindex(len(units), gradient.shape[1]):
                value = gradient[units[r], q]
                square = c.add(square, c.mul(value, value))
            length = self._root(square) or np.inf
            for r, q in np.ndindex(len(units), gradient.shape[1]):
                out[units[r], q] = c.div(gradient[units[r], q], length)
        return out

    def _root(self, value):
        self.c.count += 1
        return np.sqrt(value)

    def _softmax(self, values):
        c = self.c
        parts = [c.exp(c.add(value, -max(values))) for value in values]
        total = 0.0
        for part in parts:
            total = c.add(total, part)
        return [c.div(part, total) for part in parts]

    def update(self, weights, gradient, rate):
        for place in np.ndindex(*weights.shape):
            change = self.c.mul(rate, gradient[place])
            weights[place] = self.c.add(weights[place], -change)


class CountingRouters:
    """Paired routers on the linear loss, trained by scalar operations."""

    def __init__(self, routers, rate, data):
        self.c = Counter()
        self.routers, self.rate, self.labels = routers.astype(float).copy(), rate, data.labels
        self.sums = np.zeros((data.n_samples, data.patch_dim))
        for i, x in enumerate(data.patches()):
            for patch in x:
                for q, value in enumerate(patch):
                    self.sums[i, q] = self.c.add(self.sums[i, q], value)

    def step(self, rows):
        c = self.c
        step = np.zeros(self.sums.shape[1])
        for i in rows:
            for q in range(len(step)):
                step[q] = c.add(step[q], c.mul(float(self.labels[i]), self.sums[i, q]))
        factor = c.div(self.rate, len(rows))
        for s in range(len(self.routers)):
            for q in range(len(step)):
                signed = factor if s % 2 == 0 else -factor
                self.routers[s, q] = c.add(self.routers[s, q], c.mul(signed, step[q]))


def received(model, routers, data, counter=None):
    """What each expert of a network with fixed routing receives, shape (N, k, l, d)."""
    counter = counter or Counter()
    if isinstance(model, DenseCNN):
        return data.patches()[:, None].astype(float)
    out = []
    for x in data.patches().astype(float):
        scores = [[counter.dot(w, patch) for patch in x] for w in routers.astype(float)]
        out.append([x[top_l(score, model.n_routed)] for score in scores])
    return np.array(out)
