"""Splits that load and return an invalid split, as the help says."""

from __future__ import annotations

import numpy as np

import cfplug


@cfplug.hookimpl
def cfplug_splits() -> list[cfplug.SplitMethod]:
    return [
        cfplug.SplitMethod("losing", split="zoo_splits:losing", help="It loses the last row."),
        cfplug.SplitMethod(
            "sharing", split="zoo_splits:sharing", help="Row 4 both trains and validates."
        ),
        cfplug.SplitMethod(
            "greedy", split="zoo_splits:greedy", help="It leaves nothing to validate."
        ),
        cfplug.SplitMethod(
            "outside", split="zoo_splits:outside", help="It names a row that is not there."
        ),
        cfplug.SplitMethod(
            "tupled", split="zoo_splits:tupled", help="It gives a tuple of arrays, not a Split."
        ),
        cfplug.SplitMethod(
            "masked", split="zoo_splits:masked", help="It gives masks, not positions."
        ),
        cfplug.SplitMethod(
            "fractional", split="zoo_splits:fractional", help="Its positions are floats."
        ),
    ]


def halves(dataset):
    rows = np.arange(len(dataset.ratings))
    return rows[rows % 4 > 0], rows[rows % 4 == 0]


def losing(dataset, params, context):
    train, valid = halves(dataset)
    return cfplug.Split(train[:-1], valid)


def sharing(dataset, params, context):
    train, valid = halves(dataset)
    return cfplug.Split(np.append(train, 4), valid)


def greedy(dataset, params, context):
    return cfplug.Split(np.arange(len(dataset.ratings)), np.arange(0))


def outside(dataset, params, context):
    train, valid = halves(dataset)
    return cfplug.Split(train, np.append(valid, len(dataset.ratings)))


def tupled(dataset, params, context):
    return halves(dataset)


def masked(dataset, params, context):
    train = np.arange(len(dataset.ratings)) % 4 > 0
    return cfplug.Split(train, ~train)


def fractional(dataset, params, context):
    train, valid = halves(dataset)
    return cfplug.Split(train + 0.0, valid + 0.0)
