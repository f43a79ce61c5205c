"""Answers for users and items that training never saw: the honest baselines."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

import cfplug


@attrs.frozen
class ItemMean:
    """The item's mean rating, shrunk; for an item without ratings the user's; else the mean of all."""

    damping: float = cfplug.param(5.0, at_least=0, unit="ratings", help="pull of each mean towards the mean of all")


@cfplug.hookimpl
def cfplug_cold_starts() -> Sequence[cfplug.ColdStart]:
    return [
        cfplug.ColdStart(
            "global-mean",
            adapt="cfplug_coldstart.means:global_mean",
            origin="mean",
            gives=["distribution"],
            help="The mean of the training ratings, for every pair with a newcomer.",
        ),
        cfplug.ColdStart(
            "item-mean",
            ItemMean,
            adapt="cfplug_coldstart.means:item_mean",
            origin="mean",
            gives=["distribution"],
        ),
    ]
