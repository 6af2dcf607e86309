"""PyTorch, one seed after another: eager with autograd, and eager with the gradient by hand."""

import numpy as np
import torch

torch.set_num_threads(2)


def _forward(work, experts, routers, x, output):
    """Return f (B,) and what a gradient by hand needs."""
    if work.received is not None:
        units = experts.view(x.shape[1], -1, x.shape[-1])
        hidden = torch.relu(torch.einsum("bkld,kud->bklu", x, units))
        return work.scale * (hidden.sum(2).flatten(1) @ output)
    if routers is None:
        return work.scale * (torch.relu(x @ experts.T).sum(1) @ output)
    units = experts.view(len(routers), -1, x.shape[-1])
    kept, places = torch.topk((x @ routers.T).transpose(1, 2), work.model.n_routed, dim=2)
    own = x[torch.arange(len(x))[:, None, None], places]
    hidden = torch.relu(torch.einsum("bkld,kud->bklu", own, units))
    values = torch.einsum("bklu,ku->bkl", hidden, output.view(len(routers), -1))
    return work.scale * (torch.softmax(kept, 2) * values).sum((1, 2))


def _tensors(work, seed):
    inputs = torch.from_numpy(work.patches if work.received is None else work.received[seed])
    rows = torch.from_numpy(work.rows[seed].astype(np.int64))
    output, labels = torch.from_numpy(work.output), torch.from_numpy(work.labels)
    return inputs, rows, output, labels


def eager(work):
    """Train every seed with autograd and torch.optim.SGD."""
    trained = []
    for seed in range(len(work.experts)):
        inputs, rows, output, labels = _tensors(work, seed)
        experts = torch.tensor(work.experts[seed], requires_grad=True)
        joint = work.routers is not None and work.received is None
        routers = torch.tensor(work.routers[seed], requires_grad=True) if joint else None
        params = [experts] if routers is None else [experts, routers]
        optimizer = torch.optim.SGD(params, lr=work.sgd.learning_rate)
        for chosen in rows:
            optimizer.zero_grad()
            f = _forward(work, experts, routers, inputs[chosen], output)
            torch.nn.functional.softplus(-labels[chosen] * f).mean().backward()
            optimizer.step()
        trained.append(experts.detach().numpy())
    return np.array(trained)


@torch.no_grad()
def manual_dense(work):
    """Train the dense network with the gradient written out, without autograd."""
    trained = []
    for seed in range(len(work.experts)):
        inputs, rows, output, labels = _tensors(work, seed)
        experts = torch.tensor(work.experts[seed])
        for chosen in rows:
            x, y = inputs[chosen], labels[chosen]
            flat = x.view(-1, x.shape[-1])
            z = flat @ experts.T
            f = work.scale * (torch.relu(z).view(len(x), -1, len(output)).sum(1) @ output)
            slope = -y * torch.sigmoid(-y * f) * (work.scale / len(x))
            masked = (z > 0) * output * slope.repeat_interleave(x.shape[1])[:, None]
            experts.addmm_(masked.T, flat, alpha=-work.sgd.learning_rate)
        trained.append(experts.numpy())
    return np.array(trained)
