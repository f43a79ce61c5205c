"""Cold-start strategies that load and break while they answer; each declaration says how."""

from __future__ import annotations

import numpy as np

import cfplug


@cfplug.hookimpl
def cfplug_cold_starts() -> list[cfplug.ColdStart]:
    return [
        cfplug.ColdStart("raising-start", adapt="zoo_cold_starts:raising", help="It raises."),
        cfplug.ColdStart(
            "short-start", adapt="zoo_cold_starts:short", help="It predicts one rating too few."
        ),
        cfplug.ColdStart("empty-start", adapt="zoo_cold_starts:empty", help="It gives None."),
        cfplug.ColdStart(
            "one-origin", adapt="zoo_cold_starts:one_origin", help="It gives one word for all."
        ),
        cfplug.ColdStart(
            "numbered-origins",
            adapt="zoo_cold_starts:numbered_origins",
            help="Its words are numbers.",
        ),
        cfplug.ColdStart(
            "column-deviation",
            adapt="zoo_cold_starts:column_deviation",
            provides="deviation",
            help="It gives a column.",
        ),
        cfplug.ColdStart(
            "negative-deviation",
            adapt="zoo_cold_starts:negative_deviation",
            provides="deviation",
            help="It goes below 0.",
        ),
        cfplug.ColdStart(
            "nan-deviation",
            adapt="zoo_cold_starts:nan_deviation",
            provides="deviation",
            help="It gives NaN.",
        ),
        cfplug.ColdStart(
            "repeating",
            adapt="zoo_cold_starts:sound",
            ask="zoo_cold_starts:repeating",
            help="It asks twice.",
        ),
        cfplug.ColdStart(
            "inventing",
            adapt="zoo_cold_starts:sound",
            ask="zoo_cold_starts:inventing",
            help="It makes up an item.",
        ),
        cfplug.ColdStart(
            "speechless",
            adapt="zoo_cold_starts:sound",
            ask="zoo_cold_starts:speechless",
            help="It cannot ask.",
        ),
    ]


class Short:
    def predict(self, pairs):
        return np.full(len(pairs) - 1, 3.0)


def raising(params, fitted, newcomers, context):
    raise LookupError("no newcomer has an age")


def short(params, fitted, newcomers, context):
    return Short()


def empty(params, fitted, newcomers, context):
    return None


class Sound:
    def predict(self, pairs):
        return np.full(len(pairs), 3.0)


class OneOrigin(Sound):
    def origins(self, pairs):
        return "mean"


class NumberedOrigins(Sound):
    def origins(self, pairs):
        return np.arange(len(pairs))


class ColumnDeviation(Sound):
    def deviation(self, pairs):
        return np.ones((len(pairs), 1))


class NegativeDeviation(Sound):
    def deviation(self, pairs):
        return np.linspace(-1, 1, len(pairs))


class NanDeviation(Sound):
    def deviation(self, pairs):
        return np.full(len(pairs), np.nan)


def sound(params, fitted, newcomers, context):
    return Sound()


def one_origin(params, fitted, newcomers, context):
    return OneOrigin()


def numbered_origins(params, fitted, newcomers, context):
    return NumberedOrigins()


def column_deviation(params, fitted, newcomers, context):
    return ColumnDeviation()


def negative_deviation(params, fitted, newcomers, context):
    return NegativeDeviation()


def nan_deviation(params, fitted, newcomers, context):
    return NanDeviation()


class Repeating:
    def next(self, answers):
        return 1 + len(answers) % 2


class Inventing:
    def next(self, answers):
        return 1000 + len(answers)


def repeating(params, fitted, context):
    return Repeating()


def inventing(params, fitted, context):
    return Inventing()


def speechless(params, fitted, context):
    return [1, 2, 3]
