"""What a model learned."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

import cfplug


@attrs.frozen
class BiasRanking:
    """Ids with the lowest and highest learned bias, beside their plain mean rating."""

    side: str = cfplug.param("item", choices=("item", "user"), help="whose biases")
    most_rated: int = cfplug.param(1000, at_least=1, help="look only at the ids with the most training ratings")
    show: int = cfplug.param(5, at_least=1, help="how many at each end")


@cfplug.hookimpl
def cfplug_analyzers() -> Sequence[cfplug.Analyzer]:
    return [cfplug.Analyzer("bias-ranking", BiasRanking, analyze="cfplug_insight.biases:rank", needs=["biases"])]
