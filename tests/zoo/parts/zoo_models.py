"""Models that load and break while they run; each declaration says how."""

from __future__ import annotations

import numpy as np

import cfplug


@cfplug.hookimpl
def cfplug_models() -> list[cfplug.Model]:
    return [
        cfplug.Model(
            "wide",
            build="zoo_models:wide",
            help="Its forward gives two outputs where the loss takes one.",
        ),
        cfplug.Model(
            "flat",
            build="zoo_models:flat",
            help="Its forward gives outputs of shape (n,), not (n, 1).",
        ),
        cfplug.Model("exploding", build="zoo_models:exploding", help="Its forward gives NaN."),
        cfplug.Model(
            "bodiless", build="zoo_models:bodiless", help="Its build gives no torch module."
        ),
        cfplug.Model("raising", build="zoo_models:raising", help="Its forward raises."),
        cfplug.Model("unbuildable", build="zoo_models:unbuildable", help="Its build raises."),
        cfplug.Model(
            "fitless",
            fit="zoo_models:fitless",
            restore="zoo_models:restore",
            help="Its fit raises.",
        ),
        fitting("nan", "Half of its predictions are NaN."),
        fitting("short", "It predicts one rating too few."),
        fitting("column", "It predicts ratings of shape (n, 1)."),
        fitting("wordy", "It predicts texts."),
        fitting("listed", "Its state has a list where an array belongs."),
        fitting("unlisted", "Its state is no table of arrays."),
        fitting("stateless", "It has no state()."),
        fitting("boastful", "It declares biases and has none.", provides=["biases"]),
        fitting("empty", "Its fit gives None."),
    ]


def fitting(fault: str, words: str, provides: list[str] | None = None) -> cfplug.Model:
    """A model that fits itself and has one fault."""
    return cfplug.Model(
        fault,
        fit=f"zoo_models:fit_{fault}",
        restore="zoo_models:restore",
        provides=provides or (),
        help=words,
    )


class Constant:
    """Three for every pair."""

    def predict(self, batch):
        return np.full(len(batch), 3.0)

    def state(self):
        return {"rating": np.array([3.0])}


class Nan(Constant):
    def predict(self, batch):
        return np.where(np.arange(len(batch)) % 2, 3.0, np.nan)


class Short(Constant):
    def predict(self, batch):
        return np.full(len(batch) - 1, 3.0)


class Column(Constant):
    def predict(self, batch):
        return np.full((len(batch), 1), 3.0)


class Wordy(Constant):
    def predict(self, batch):
        return np.full(len(batch), "three")


class Listed(Constant):
    def state(self):
        return {"rating": [3.0]}


class Unlisted(Constant):
    def state(self):
        return [3.0]


class Stateless:
    predict = Constant.predict


def fit_nan(params, train, context):
    return Nan()


def fit_short(params, train, context):
    return Short()


def fit_column(params, train, context):
    return Column()


def fit_wordy(params, train, context):
    return Wordy()


def fit_listed(params, train, context):
    return Listed()


def fit_unlisted(params, train, context):
    return Unlisted()


def fit_stateless(params, train, context):
    return Stateless()


def fit_boastful(params, train, context):
    return Constant()


def fit_empty(params, train, context):
    return None


def fitless(params, train, context):
    raise ArithmeticError("the matrix is singular")


def restore(params, state):
    return Constant()


def module(forward):
    """A module with one weight whose forward is `forward(weight, n)`."""
    import torch

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(()))

        def forward(self, batch):
            return forward(self.weight, len(batch))

    return Module()


def wide(params, spec):
    return module(lambda weight, n: weight.expand(n, 2))


def flat(params, spec):
    return module(lambda weight, n: weight.expand(n))


def exploding(params, spec):
    return module(lambda weight, n: (weight * float("nan")).expand(n, 1))


def raising(params, spec):
    def forward(weight, n):
        raise IndexError("index 7 is out of range")

    return module(forward)


def bodiless(params, spec):
    return None


def unbuildable(params, spec):
    raise ArithmeticError(f"{spec.n_users} users are too many")
