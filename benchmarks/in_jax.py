"""JAX: all steps in one compiled scan, all seeds in one vmap."""

import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np


def dense(params, x, output, scale):
    hidden = jax.nn.relu(jnp.einsum("bnd,md->bnm", x, params["experts"]))
    return scale * jnp.einsum("bnm,m->b", hidden, output)


def separate(params, x, output, scale):
    n_experts = x.shape[1]
    experts = params["experts"].reshape(n_experts, -1, x.shape[-1])
    hidden = jax.nn.relu(jnp.einsum("bkld,kud->bklu", x, experts))
    return scale * jnp.einsum("bklu,ku->b", hidden, output.reshape(n_experts, -1))


def joint(params, x, output, scale, n_routed):
    n_experts = params["routers"].shape[0]
    experts = params["experts"].reshape(n_experts, -1, x.shape[-1])
    scores = jnp.einsum("bnd,kd->bkn", x, params["routers"])
    kept, places = jax.lax.top_k(scores, n_routed)
    own = jnp.take_along_axis(x[:, None], places[..., None], axis=2)
    hidden = jax.nn.relu(jnp.einsum("bkld,kud->bklu", own, experts))
    values = jnp.einsum("bklu,ku->bkl", hidden, output.reshape(n_experts, -1))
    return scale * jnp.einsum("bkl,bkl->b", jax.nn.softmax(kept), values)


def prepare(work):
    """Compile; return a function that trains all seeds, and the seconds of compilation."""
    kind = "joint" if work.received is None and work.routers is not None else "dense"
    kind = "separate" if work.received is not None else kind
    forward = {"dense": dense, "separate": separate}.get(kind)
    if kind == "joint":
        forward = partial(joint, n_routed=work.model.n_routed)
    output, labels = jnp.array(work.output), jnp.array(work.labels)
    params = {"experts": jnp.array(work.experts)}
    if kind == "joint":
        params["routers"] = jnp.array(work.routers)
    shared = work.received is None
    inputs = jnp.array(work.patches if shared else work.received)

    def loss(params, x, y):
        return jnp.mean(jnp.logaddexp(0.0, -y * forward(params, x, output, work.scale)))

    def one_seed(params, rows, inputs):
        def step(params, chosen):
            gradient = jax.grad(loss)(params, inputs[chosen], labels[chosen])
            rate = work.sgd.learning_rate
            return jax.tree.map(lambda w, g: w - rate * g, params, gradient), None

        return jax.lax.scan(step, params, rows)[0]

    many = jax.jit(jax.vmap(one_seed, in_axes=(0, 0, None if shared else 0)))
    rows = jnp.array(work.rows)
    started = time.perf_counter()
    compiled = many.lower(params, rows, inputs).compile()
    seconds = time.perf_counter() - started
    return lambda: np.asarray(compiled(params, rows, inputs)["experts"]), seconds
