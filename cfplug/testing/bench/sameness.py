"""When two answers count as the same, and what is said where they are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cfplug.testing.bench.questions import named
from cfplug.testing.contract import BrokenLawError


def unchanged(before: Mapping[str, Any], after: Mapping[str, Any], what: str) -> None:
    """BrokenLawError that names the first part that `what` changed."""
    for name, value in before.items():
        if not np.array_equal(value, after[name]):
            raise BrokenLawError(f"{what} changed {name}: work on copies of what you are given")


def same_bits(pairs: pd.DataFrame, first: np.ndarray, again: np.ndarray, when: str, advice: str) -> None:
    """The same to the last bit; what is no number may be none again."""
    if first.shape != again.shape:
        raise BrokenLawError(f"{when}, it gave ratings of shape {again.shape}, before {first.shape}: {advice}")
    differs = ~((first == again) | (np.isnan(first) & np.isnan(again)))
    if differs.any():
        row = int(differs.argmax())
        raise BrokenLawError(
            f"{when}, it says {again[row]:.9g} for {named(pairs, row)}, and {first[row]:.9g} before "
            f"({int(differs.sum())} of {len(pairs)} answers differ): {advice}"
        )


def close(pairs: pd.DataFrame, first: np.ndarray, again: np.ndarray, when: str) -> None:
    """The same but for rounding."""
    if first.shape != again.shape:
        raise BrokenLawError(f"{when}, it gave ratings of shape {again.shape}, not {first.shape}")
    differs = ~np.isclose(first, again, rtol=1e-5, atol=1e-5, equal_nan=True)
    if differs.any():
        row = int(differs.argmax())
        raise BrokenLawError(
            f"{when}, {named(pairs, row)} get {again[row]:.7g} and not {first[row]:.7g} "
            f"({int(differs.sum())} of {len(pairs)} answers differ)"
        )
