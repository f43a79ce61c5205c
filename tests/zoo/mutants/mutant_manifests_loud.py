"""A manifest that prints when it is imported."""

from __future__ import annotations

import cfplug

print("Welcome to the loud plugin!")


@cfplug.hookimpl
def cfplug_losses() -> list[cfplug.Loss]:
    return [cfplug.Loss("loud", build="mutant_losses:sound", help="Its manifest prints.")]
