"""A manifest whose hook gives other declarations each time."""

from __future__ import annotations

import itertools

import cfplug

CALLS = itertools.count(1)


@cfplug.hookimpl
def cfplug_losses() -> list[cfplug.Loss]:
    return [
        cfplug.Loss(
            f"moody-{next(CALLS)}",
            build="mutant_losses:sound",
            help="Its name is another each time.",
        )
    ]
