"""Layers whose structure may be a hyperparameter of a running program.

Widths, depth, activation, normalisation, channels: each is a Python value, and then the layer is
the usual one, or a `jaxhpo.option.Option`, and then one program trains members of all choices.
Parameters have the largest size; what lies beyond a member's own is zero and stays zero. A member
starts from the numbers from which it would start in a program of its own, and computes the same.

A model for `supervised`::

    import numpy as np
    from flax import linen as nn
    from jaxhpo.space import Choice, Float, Space
    from jaxhpo.tasks.elastic.dense import Dense
    from jaxhpo.tasks.elastic.stack import Stack
    from jaxhpo.tasks.parts.optimizers import optimizer
    from jaxhpo.tasks.parts.splits import split
    from jaxhpo.tasks.supervised import supervised

    class Net(nn.Module):
        hp: dict

        @nn.compact
        def __call__(self, x, train):
            hp = self.hp
            x = Stack(hp["widths"], hp["activation"], hp["norm"], hp["dropout"])(x, train=train)
            return Dense(3)(x)

    space = Space(
        widths=Choice([(64,), (128,), (64, 128, 64)]),
        activation=Choice(["relu", "tanh", "gelu"]),
        norm=Choice(["none", "batch"]),
        dropout=Float(0.0, 0.5),
        lr=Float(1e-3, 1e-1, log=True),
        optimizer=Choice(["adamw", "momentum"]),
    )
    place = np.random.default_rng(0)
    inputs, labels = place.normal(size=(90, 5)), place.integers(0, 3, 90)
    task = supervised(
        space,
        model=lambda hp: Net(hp),
        data=split(inputs, labels, seed=0, validation=0.2, test=0.2),
        optimizer=lambda hp, steps: optimizer(
            hp["optimizer"], hp["lr"], schedule="cosine", steps=steps
        ),
        elastic=("widths", "activation", "norm", "optimizer"),
        batch_size=16,
        epochs=3,
    )

Between these layers goes a plain array or, where its last axis is padded, a `padded.Padded`, which
`padded.pointwise`, `activation.activation`, `pooling` and `padded.flattened` take as well.
"""
