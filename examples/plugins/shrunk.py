import numpy as np
from attrs import frozen

import cfplug


@frozen
class Shrunk:
    """The mean of an item's ratings, pulled towards the mean of all: sum of (r - m) / (n + damping)."""

    damping: float = cfplug.param(
        5.0, at_least=0, unit="ratings", help="how many ratings the mean of all is worth"
    )


class Levels:
    def __init__(self, levels):
        self.levels = levels

    def predict(self, batch):
        return self.levels[batch.item]

    def state(self):
        return {"levels": self.levels}


def fit(params, train, context):
    mean = train.rating.mean()
    total = np.bincount(train.batch.item, train.rating - mean, minlength=train.n_items)
    count = np.bincount(train.batch.item, minlength=train.n_items)
    return Levels(mean + total / np.maximum(count + params.damping, 1))


def restore(params, state):
    return Levels(state["levels"])


@cfplug.hookimpl
def cfplug_models():
    return [cfplug.Model("shrunk-mean", Shrunk, fit=fit, restore=restore)]
