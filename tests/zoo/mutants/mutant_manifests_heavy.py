"""A manifest that imports torch, for which every command would wait."""

from __future__ import annotations

import torch  # noqa: F401 -- the fault

import cfplug


@cfplug.hookimpl
def cfplug_losses() -> list[cfplug.Loss]:
    return [cfplug.Loss("heavy", build="mutant_losses:sound", help="Its manifest imports torch.")]
