"""Components whose function cannot be imported, as the help says; listing them works."""

from __future__ import annotations

import cfplug


@cfplug.hookimpl
def cfplug_metrics() -> list[cfplug.Metric]:
    return [
        cfplug.Metric(
            "moduleless", score="zoo_nowhere.scores:best", help="There is no such module."
        ),
        cfplug.Metric("functionless", score="zoo_metrics:rasing", help="The function is misspelt."),
        cfplug.Metric("constant", score="zoo_missing:LIMIT", help="What it names is no function."),
        cfplug.Metric(
            "packageless",
            score="zoo_needing:score",
            help="Its module needs a package that is not there.",
        ),
        cfplug.Metric(
            "unimportable", score="zoo_raising:score", help="Its module raises when it is imported."
        ),
        cfplug.Metric("leaving", score="zoo_leaving:score", help="Its module leaves the program."),
        cfplug.Metric(
            "swapped", score="zoo_missing:swapped", help="Its function takes other arguments."
        ),
    ]


LIMIT = 4


def swapped(params, prediction, truth):
    return 0.0
