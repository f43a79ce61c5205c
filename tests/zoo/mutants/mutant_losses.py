"""Losses with one fault each, which the help names; `sound` and `sound-levels` have none."""

from __future__ import annotations

import numpy as np

import cfplug


@cfplug.hookimpl
def cfplug_losses() -> list[cfplug.Loss]:
    return [
        plain("sound", "Nothing is wrong with it."),
        plain("wrong-sign", "The worst prediction has the least loss."),
        plain("detached", "Its gradient is cut off."),
        plain("half-hearted", "Its gradient is half of what it should be."),
        plain("favouring", "Later rows of a batch count more."),
        plain("batch-centring", "It decodes a row by the rows around it."),
        plain("clipping", "Its decode writes into the outputs."),
        plain("unseeded", "It draws what it starts with from numpy's shared generator."),
        plain("level-bound", "It cannot do without levels, and does not say so."),
        plain("row-losing", "It gives a loss for each row, not one number."),
        levels("sound-levels", "Nothing is wrong with it."),
        levels("off-by-one", "It takes each rating for the level above."),
        levels("overflowing", "It takes the logarithm of probabilities that round to zero."),
        levels("off-scale", "It decodes to ratings beyond the ends of the scale."),
        levels("unfinished", "Its probabilities do not sum to one."),
    ]


def plain(fault: str, words: str) -> cfplug.Loss:
    return cfplug.Loss(fault, build=f"mutant_losses:{fault.replace('-', '_')}", help=words)


def levels(fault: str, words: str) -> cfplug.Loss:
    target = f"mutant_losses:{fault.replace('-', '_')}"
    return cfplug.Loss(fault, build=target, provides="distribution", needs_levels=True, help=words)


def squared(scale, fault=""):
    """rating = output; loss = mean((rating - truth)^2), with `fault`."""
    import torch

    class Squared(torch.nn.Module):
        n_outputs = 1

        def __init__(self):
            super().__init__()
            start = np.random.normal(0, 0.1) if fault == "unseeded" else 0.0
            self.shift = torch.nn.Parameter(torch.tensor(float(start)))
            self.lowest = scale.levels[0] if fault == "level-bound" else 0.0

        def decode(self, outputs):
            rating = outputs.squeeze(-1) + self.shift
            if fault == "batch-centring" and len(rating):
                rating = rating - 0.01 * rating.mean()
            if fault == "clipping":
                outputs.clamp_(-0.5, 0.5)
            return rating

        def loss(self, outputs, rating):
            error = outputs.squeeze(-1) + self.shift - rating
            if fault == "detached":
                error = error.detach()
            if fault == "half-hearted":
                error = 0.5 * error + 0.5 * error.detach()
            if fault == "favouring":
                error = error * torch.linspace(1, 2, len(error), dtype=error.dtype)
            if fault == "row-losing":
                return error**2
            return -(error**2).mean() if fault == "wrong-sign" else (error**2).mean()

    return Squared()


def sound(params, scale):
    return squared(scale)


def wrong_sign(params, scale):
    return squared(scale, "wrong-sign")


def detached(params, scale):
    return squared(scale, "detached")


def half_hearted(params, scale):
    return squared(scale, "half-hearted")


def favouring(params, scale):
    return squared(scale, "favouring")


def batch_centring(params, scale):
    return squared(scale, "batch-centring")


def clipping(params, scale):
    return squared(scale, "clipping")


def unseeded(params, scale):
    return squared(scale, "unseeded")


def level_bound(params, scale):
    if not scale.levels:
        raise cfplug.DataError("level-bound needs rating levels")
    return squared(scale, "level-bound")


def row_losing(params, scale):
    return squared(scale, "row-losing")


def categories(scale, fault=""):
    """p = softmax(outputs); loss = -log p[level]; rating = sum of p * levels, with `fault`."""
    import torch

    class Categories(torch.nn.Module):
        n_outputs = len(scale.levels)

        def __init__(self):
            super().__init__()
            self.register_buffer("values", torch.tensor(scale.levels), persistent=False)

        def distribution(self, outputs):
            return (
                torch.sigmoid(outputs) if fault == "unfinished" else torch.softmax(outputs, dim=1)
            )

        def decode(self, outputs):
            rating = torch.softmax(outputs, dim=1) @ self.values.to(outputs.dtype)
            if fault == "off-scale":
                middle = self.values.mean()
                return middle + 1.05 * (rating - middle)
            return rating.clamp(self.values[0], self.values[-1])

        def loss(self, outputs, rating):
            level = torch.bucketize(rating.to(self.values.dtype), self.values - 0.01) - 1
            if fault == "off-by-one":
                level = (level + 1).clamp(max=self.n_outputs - 1)
            if fault == "overflowing":
                return -torch.log(torch.softmax(outputs, dim=1)).gather(1, level[:, None]).mean()
            return torch.nn.functional.cross_entropy(outputs, level)

    return Categories()


def sound_levels(params, scale):
    return categories(scale)


def off_by_one(params, scale):
    return categories(scale, "off-by-one")


def overflowing(params, scale):
    return categories(scale, "overflowing")


def off_scale(params, scale):
    return categories(scale, "off-scale")


def unfinished(params, scale):
    return categories(scale, "unfinished")
