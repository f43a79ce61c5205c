"""Confidence intervals over users, for analyzers.

Use `bootstrap` for figures that are computed from sums over users, and `jackknife` for all others.
"""

from __future__ import annotations

from cfplug.evaluation.resampling import (
    BOOTSTRAP,
    GROUPS,
    JACKKNIFE,
    Cell,
    bootstrap,
    jackknife,
    ratio,
    user_groups,
    user_sums,
    whole_and_rest,
    without_each,
)

__all__ = [
    "BOOTSTRAP",
    "GROUPS",
    "JACKKNIFE",
    "Cell",
    "bootstrap",
    "jackknife",
    "ratio",
    "user_groups",
    "user_sums",
    "whole_and_rest",
    "without_each",
]
