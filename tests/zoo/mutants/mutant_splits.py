"""Splits with one fault each, which the help names, and two sound ones."""

from __future__ import annotations

import numpy as np

import cfplug
from cfplug import Split


@cfplug.hookimpl
def cfplug_splits() -> list[cfplug.SplitMethod]:
    return [
        cfplug.SplitMethod(
            "sound", split=sound, help="Every fourth row of a permutation validates."
        ),
        cfplug.SplitMethod(
            "sound-folds", split=sound_folds, help="Two folds; each half validates once."
        ),
        cfplug.SplitMethod(
            "loses-a-row", split=loses_a_row, help="The last row of the permutation is in no part."
        ),
        cfplug.SplitMethod(
            "repeats-a-row",
            split=repeats_a_row,
            help="The first row of the validation part trains too.",
        ),
        cfplug.SplitMethod(
            "leaks-in-one-fold", split=leaks_in_one_fold, help="In the second fold all rows train."
        ),
        cfplug.SplitMethod(
            "counts-from-one", split=counts_from_one, help="It numbers the rows from 1."
        ),
        cfplug.SplitMethod(
            "empty-test", split=empty_test, help="Its test part is there, and is empty."
        ),
        cfplug.SplitMethod(
            "of-its-own-accord", split=of_its_own_accord, help="It draws without the recipe's seed."
        ),
        cfplug.SplitMethod(
            "by-global-seed", split=by_global_seed, help="It draws with numpy's global generator."
        ),
        cfplug.SplitMethod(
            "stratified",
            split=stratified,
            help="What validates depends on the values of the ratings.",
        ),
        cfplug.SplitMethod(
            "sorts-in-place", split=sorts_in_place, help="It sorts the dataset's own table by time."
        ),
        cfplug.SplitMethod(
            "relabels", split=relabels, help="It writes a column of its own into the ratings."
        ),
        cfplug.SplitMethod(
            "needs-a-crowd", split=needs_a_crowd, help="With few ratings it raises IndexError."
        ),
        cfplug.SplitMethod(
            "gives-arrays", split=gives_arrays, help="It gives a tuple of arrays, not a Split."
        ),
    ]


def _parts(n, rng):
    rows = rng.permutation(n)
    if n < 2:
        raise cfplug.DataError(f"there are {n} ratings, too few to split")
    return rows[: -(-n // 4)], rows[-(-n // 4) :]


def sound(dataset, params, context):
    valid, train = _parts(len(dataset.ratings), context.rng)
    return Split(train, valid)


def sound_folds(dataset, params, context):
    n = len(dataset.ratings)
    valid, train = _parts(n, context.rng)
    return {"one": Split(train, valid), "two": Split(valid, train)}


def loses_a_row(dataset, params, context):
    valid, train = _parts(len(dataset.ratings), context.rng)
    return Split(train[:-1] if len(train) > 1 else train, valid)


def repeats_a_row(dataset, params, context):
    valid, train = _parts(len(dataset.ratings), context.rng)
    return Split(np.append(train, valid[0]), valid)


def leaks_in_one_fold(dataset, params, context):
    folds = sound_folds(dataset, params, context)
    return {**folds, "two": Split(np.arange(len(dataset.ratings)), folds["two"].valid)}


def counts_from_one(dataset, params, context):
    valid, train = _parts(len(dataset.ratings), context.rng)
    return Split(train + 1, valid + 1)


def empty_test(dataset, params, context):
    valid, train = _parts(len(dataset.ratings), context.rng)
    return Split(train, valid, train[:0])


def of_its_own_accord(dataset, params, context):
    valid, train = _parts(len(dataset.ratings), np.random.default_rng())
    return Split(train, valid)


def by_global_seed(dataset, params, context):
    valid, train = _parts(len(dataset.ratings), np.random)
    return Split(train, valid)


def stratified(dataset, params, context):
    rating = dataset.ratings["rating"].to_numpy()
    order = np.lexsort((context.rng.permutation(len(rating)), rating))
    if len(order) < 2:
        raise cfplug.DataError("there is one rating, too few to split")
    return Split(np.delete(order, np.s_[::4]), order[::4])


def sorts_in_place(dataset, params, context):
    if "time" not in dataset.ratings:
        raise cfplug.DataError("it needs a column called time")
    for name, column in dataset.ratings.sort_values("time", kind="stable").items():
        dataset.ratings[name] = column.to_numpy()
    rows = np.arange(len(dataset.ratings))
    if len(rows) < 2:
        raise cfplug.DataError("there is one rating, too few to split")
    return Split(rows[: len(rows) // 2], rows[len(rows) // 2 :])


def relabels(dataset, params, context):
    dataset.ratings["part"] = "train"
    return sound(dataset, params, context)


def needs_a_crowd(dataset, params, context):
    rows = context.rng.permutation(len(dataset.ratings))
    valid = [rows[place] for place in range(12)]
    return Split(rows[12:], np.array(valid))


def gives_arrays(dataset, params, context):
    return _parts(len(dataset.ratings), context.rng)
