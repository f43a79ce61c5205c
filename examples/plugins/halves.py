import numpy as np

import cfplug


def split(dataset, params, context):
    rows = context.rng.permutation(len(dataset.ratings))
    half = len(rows) // 2
    if not half:
        raise cfplug.DataError("halves: expected at least two ratings")
    return cfplug.Split(train=np.sort(rows[half:]), valid=np.sort(rows[:half]))


@cfplug.hookimpl
def cfplug_splits():
    return [
        cfplug.SplitMethod(
            "halves", split=split, help="Train on half of the ratings, validate on the rest."
        )
    ]
