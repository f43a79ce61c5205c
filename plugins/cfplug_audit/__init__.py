"""Analyzers of bias: who gave the ratings, and what is in lists of recommendations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

import cfplug


def _users() -> Any:
    return cfplug.param(1000, at_least=10, help="how many users, drawn at random, get a list")


def _k() -> Any:
    return cfplug.param(10, at_least=1, unit="items", help="the length of the lists")


@attrs.frozen
class Representation:
    """Who gave the ratings, what was rated, and what is recommended."""

    k: int = _k()
    users: int = _users()
    enthusiasts: float = cfplug.param(
        0.1,
        above=0,
        below=1,
        help="the share of a genre's raters, the most active ones, who are enthusiasts",
    )


@attrs.frozen
class RecommendationLists:
    """Coverage, popularity, evenness and variety of lists of recommendations."""

    k: int = _k()
    users: int = _users()
    tail: float = cfplug.param(
        0.2, above=0, below=1, help="the share of ratings that the long tail of items has"
    )


@cfplug.hookimpl
def cfplug_analyzers() -> Sequence[cfplug.Analyzer]:
    return [
        cfplug.Analyzer(
            "representation", Representation, analyze="cfplug_audit.representation:representation"
        ),
        cfplug.Analyzer(
            "recommendation-lists",
            RecommendationLists,
            analyze="cfplug_audit.recommendation_lists:recommendation_lists",
        ),
    ]
