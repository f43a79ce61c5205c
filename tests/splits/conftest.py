from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cfplug


@pytest.fixture
def context(tmp_path: Path) -> Callable[[int], cfplug.Context]:
    """A context with a given seed."""

    def seeded(seed: int = 0) -> cfplug.Context:
        return cfplug.Context(
            seed=seed,
            rng=np.random.default_rng(seed),
            device="cpu",
            scratch=tmp_path,
            progress=lambda done, message: None,
            say=lambda line: None,
        )

    return seeded


@pytest.fixture(scope="session")
def rated() -> Callable[[int], cfplug.Dataset]:
    """A dataset of n ratings by three users."""

    def built(n: int) -> cfplug.Dataset:
        rows = np.arange(n)
        ratings = pd.DataFrame({"user": rows % 3 + 1, "item": rows + 10, "rating": rows % 5 + 1.0})
        return cfplug.Dataset.build("rated", ratings)

    return built


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a text file and give its path."""

    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written
