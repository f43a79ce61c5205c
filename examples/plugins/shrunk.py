import numpy as np
from attrs import frozen

import cfplug


@frozen
class Shrunk:
    """The mean rating of an item, shrunk to the overall mean m: m + sum(r - m) / (n + damping)."""

    damping: float = cfplug.param(
        5.0, at_least=0, unit="ratings", help="weight of the overall mean, as a number of ratings"
    )


class ItemMeans:
    def __init__(self, means):
        self.means = means

    def predict(self, batch):
        return self.means[batch.item]

    def state(self):
        return {"means": self.means}


def fit(params, train, context):
    mean = train.rating.mean()
    total = np.bincount(train.batch.item, train.rating - mean, minlength=train.n_items)
    count = np.bincount(train.batch.item, minlength=train.n_items)
    return ItemMeans(mean + total / np.maximum(count + params.damping, 1))


def restore(params, state):
    return ItemMeans(state["means"])


@cfplug.hookimpl
def cfplug_models():
    return [cfplug.Model("shrunk-mean", Shrunk, fit=fit, restore=restore)]
