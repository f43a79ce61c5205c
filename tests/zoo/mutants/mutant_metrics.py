"""Metrics with one fault each, which the help names, and sound ones."""

from __future__ import annotations

import random

import numpy as np

import cfplug


@cfplug.hookimpl
def cfplug_metrics() -> list[cfplug.Metric]:
    def higher(name, score, help):
        return cfplug.Metric(name, score=score, lower_is_better=False, help=help)

    return [
        cfplug.Metric("sound", score=sound, help="Mean absolute error."),
        higher(
            "sound-with-ties",
            sound_with_ties,
            "How often a pair is in the right order; equals count one half.",
        ),
        cfplug.Metric(
            "sound-share", score=sound_share, requires="distribution", help="The Brier score."
        ),
        cfplug.Metric(
            "wrong-direction",
            score=within_one,
            help="A share of hits, declared as lower is better.",
        ),
        cfplug.Metric(
            "signed",
            score=signed,
            help="The mean error with its sign, as if ever lower were ever better.",
        ),
        higher(
            "untied",
            untied,
            "The rating of each user's first prediction, as a sort happens to place equals.",
        ),
        cfplug.Metric(
            "by-position",
            score=by_position,
            help="Errors count the more the later their row comes.",
        ),
        cfplug.Metric(
            "counts-absent",
            score=counts_absent,
            help="Its mean over users counts codes without a user.",
        ),
        cfplug.Metric(
            "writes-into-truth", score=writes_into_truth, help="It takes the differences in place."
        ),
        cfplug.Metric(
            "sorts-predictions", score=sorts_predictions, help="It sorts the predictions in place."
        ),
        cfplug.Metric("nan-for-one", score=nan_for_one, help="For a single rating it is 0 / 0."),
        cfplug.Metric(
            "empty-handed", score=empty_handed, help="For a single rating it raises IndexError."
        ),
        cfplug.Metric("row-of-one", score=row_of_one, help="It gives an array of one number."),
        cfplug.Metric(
            "undeclared", score=sound_share, help="It needs a distribution and does not say so."
        ),
        cfplug.Metric(
            "jittered", score=jittered, help="It adds a little chance, each time another."
        ),
        cfplug.Metric("blind", score=blind, help="It does not look at the predictions."),
        cfplug.Metric(
            "off-by-one", score=off_by_one, help="It divides by n - 1, which its formula does not."
        ),
        cfplug.Metric(
            "only-with-crowds",
            score=only_with_crowds,
            help="It wants a million ratings, and says so.",
        ),
    ]


def sound(params, truth, prediction):
    return float(np.abs(truth - prediction.rating).mean())


def sound_with_ties(params, truth, prediction):
    better = truth[:, None] > truth
    if not better.any():
        raise cfplug.DataError("all ratings are equal, so no pair has an order")
    ahead = np.sign(prediction.rating[:, None] - prediction.rating)
    return float((0.5 + ahead / 2)[better].mean())


def sound_share(params, truth, prediction):
    right = truth[:, None] == prediction.levels
    return float(((prediction.distribution - right) ** 2).sum(axis=1).mean())


def within_one(params, truth, prediction):
    return float((np.abs(truth - prediction.rating) <= 1).mean())


def signed(params, truth, prediction):
    return float((prediction.rating - truth).mean())


def untied(params, truth, prediction):
    firsts = []
    for user in np.unique(prediction.user):
        rows = np.flatnonzero(prediction.user == user)
        firsts.append(truth[rows[np.argmax(prediction.rating[rows])]])
    return float(np.mean(firsts))


def by_position(params, truth, prediction):
    return float(
        np.average(np.abs(truth - prediction.rating), weights=np.arange(1, len(truth) + 1))
    )


def counts_absent(params, truth, prediction):
    return float(np.bincount(prediction.user, np.abs(truth - prediction.rating)).mean())


def writes_into_truth(params, truth, prediction):
    truth -= prediction.rating
    return float(np.abs(truth).mean())


def sorts_predictions(params, truth, prediction):
    error = float(np.abs(truth - prediction.rating).mean())
    prediction.rating.sort()
    return error


def nan_for_one(params, truth, prediction):
    error = np.abs(truth - prediction.rating)
    with np.errstate(invalid="ignore"):
        return float(error.mean() * np.float64(len(error) - 1) / np.float64(len(error) - 1))


def empty_handed(params, truth, prediction):
    error = np.sort(np.abs(truth - prediction.rating))[::-1]
    return float((error.mean() + error[1]) / 2)


def row_of_one(params, truth, prediction):
    return np.abs(truth - prediction.rating).mean(keepdims=True)


def jittered(params, truth, prediction):
    return float(np.abs(truth - prediction.rating).mean()) + random.random() / 1000


def blind(params, truth, prediction):
    return float(np.abs(truth - truth.mean()).mean())


def off_by_one(params, truth, prediction):
    return float(np.abs(truth - prediction.rating).sum() / max(len(truth) - 1, 1))


def only_with_crowds(params, truth, prediction):
    raise cfplug.DataError(f"it needs a million ratings; there are {len(truth)}")
