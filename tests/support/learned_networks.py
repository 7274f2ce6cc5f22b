"""Networks for tests: how `train.torch` is said, and layers that a plain torch script learns."""

from typing import Any

import numpy as np

NETWORK: dict[str, Any] = {
    "op": "train.torch",
    "network": {"hidden": [8, 4], "activation": "tanh"},
    "learning_rate": "0.01",
    "batch": 64,
    "parameters": {"epochs": {"min": 1, "max": 200, "default": 6}},
}


def plain_script(rows, labels, hidden, classes, *, epochs, seed=7, rate=0.01, decay=0.01, batch=64):
    """Oracle: a torch script on pooled, scaled rows; the trained module."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    sizes, modules = [rows.shape[1], *hidden, max(classes, 1)], []
    for place in range(len(sizes) - 1):
        modules += [torch.nn.Linear(sizes[place], sizes[place + 1]), torch.nn.Tanh()]
    module = torch.nn.Sequential(*modules[:-1])
    adam = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=decay)
    x, y = torch.tensor(rows.astype(np.float32)), torch.tensor(labels)
    lose = torch.nn.CrossEntropyLoss() if classes else torch.nn.MSELoss()
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for start in range(0, len(x), batch):
            some = order[start : start + batch]
            adam.zero_grad()
            said = module(x[some])
            lose(said if classes else said[:, 0], y[some]).backward()
            adam.step()
    torch.set_num_threads(threads)
    return module
