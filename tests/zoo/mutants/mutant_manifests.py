"""Declarations that load and have one fault each; `sound` has none."""

from __future__ import annotations

import attrs

import cfplug


@attrs.frozen
class Sound:
    """Nothing is wrong with them."""

    weight: float = cfplug.param(
        0.5, at_least=0, at_most=1, unit="points", help="how much each rating counts"
    )
    names: tuple[str, ...] = cfplug.param((), help="whose ratings count; all if none is named")


@attrs.frozen
class Wordless:
    """A parameter without a word of help."""

    weight: float = cfplug.param(0.5, at_least=0, help=" ")


@attrs.frozen
class Blank:
    """A unit of spaces, which a table shows as one."""

    weight: float = cfplug.param(
        0.5, at_least=0, unit="points ", help="how much each rating counts"
    )


@attrs.frozen
class Percent:
    """What a recipe says is divided by a hundred, and again when the resolved recipe is read."""

    share: float = cfplug.param(50.0, at_least=0, at_most=100, help="how much of it, in percent")

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "share", self.share / 100)


@cfplug.hookimpl
def cfplug_metrics() -> list[cfplug.Metric]:
    return [
        cfplug.Metric(
            "sound", Sound, score="mutant_manifests:error", help="Nothing is wrong with it."
        ),
        cfplug.Metric("helpless", score="mutant_manifests:error"),
        cfplug.Metric("rambling", score="mutant_manifests:error", help="It says\ntwo things."),
        cfplug.Metric("wordless", Wordless, score="mutant_manifests:error"),
        cfplug.Metric("blank", Blank, score="mutant_manifests:error"),
        cfplug.Metric(
            "swapped",
            score="mutant_manifests:swapped",
            help="Its arguments stand in another order.",
        ),
        cfplug.Metric(
            "homeless", score="mutant_manifests_of_nobody:error", help="Its module is not there."
        ),
        cfplug.Metric(
            "nameless", score="mutant_manifests:errror", help="Its function is misspelt."
        ),
        cfplug.Metric("percent", Percent, score="mutant_manifests:error"),
    ]


def error(params, truth, prediction):
    return float(abs(truth - prediction.rating).mean())


def swapped(params, prediction, truth):
    return error(params, truth, prediction)
