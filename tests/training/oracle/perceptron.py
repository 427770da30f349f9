"""A perceptron written out by hand, for the tests that look at its gradients one by one."""

import numpy as np

from .arithmetic import F32, mean, mm, sum_rows
from .losses import cross_entropy


def linear_stack(weights, x):
    """Forward pass; ``weights`` is a list of (W, b). Returns each layer's input, and logits."""
    inputs = []
    for index, (w, b) in enumerate(weights):
        inputs.append(x)
        x = mm(x, w.T) + b
        if index < len(weights) - 1:
            x = np.maximum(x, F32(0))
    return inputs, x


def gradients(weights, x, y, batch):
    """Mean loss of a micro-batch, and its gradients by layer, scaled for the whole batch."""
    inputs, z = linear_stack(weights, x)
    losses, d = cross_entropy(z, y, F32(1.0 / batch))
    found = [None] * len(weights)
    for index in range(len(weights) - 1, -1, -1):
        found[index] = (mm(d.T, inputs[index]), sum_rows(d))
        if index:
            d = mm(d, weights[index][0]) * (inputs[index] > 0)
    return mean(losses), found
