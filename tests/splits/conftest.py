from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cfplug_movielens
import numpy as np
import pandas as pd
import pytest

import cfplug

DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture
def said() -> list[str]:
    """Every line that the code under test said aloud."""
    return []


@pytest.fixture
def context(tmp_path: Path, said: list[str]) -> Callable[[int], cfplug.Context]:
    """A context with a given seed."""

    def seeded(seed: int = 0) -> cfplug.Context:
        return cfplug.Context(
            seed=seed,
            rng=np.random.default_rng(seed),
            device="cpu",
            scratch=tmp_path,
            progress=lambda done, message: None,
            say=said.append,
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


@pytest.fixture(scope="session")
def timed() -> Callable[..., cfplug.Dataset]:
    """A dataset of ratings given so many minutes after the year 2000 began, where None is no time.

    Three users take turns unless others are given; no two rate one item.
    """

    def built(minutes: Sequence[int | None], users: Sequence[int] | None = None) -> cfplug.Dataset:
        rows = np.arange(len(minutes))
        times = pd.Timestamp("2000-01-01") + pd.to_timedelta(
            pd.Series(minutes, dtype="Float64"), unit="min"
        )
        ratings = pd.DataFrame(
            {"user": rows % 3 + 1 if users is None else users, "item": rows + 10, "rating": 3.0}
        )
        return cfplug.Dataset.build("timed", ratings.assign(time=times.astype("datetime64[s]")))

    return built


@pytest.fixture(scope="session")
def movielens(tmp_path_factory: pytest.TempPathFactory) -> cfplug.Dataset:
    """MovieLens 100K from its official archive; skips where there is no real data."""
    if not DATA.is_dir():
        pytest.skip("no real MovieLens archives beside the repository")
    source = next(
        each for each in cfplug_movielens.cfplug_sources() if each.name == "movielens-100k"
    )
    context = cfplug.Context(
        seed=0,
        rng=np.random.default_rng(0),
        device="cpu",
        scratch=tmp_path_factory.mktemp("scratch"),
        progress=lambda done, message: None,
        say=lambda line: None,
    )
    found = source.function("read")(source.params(path=DATA / "ml-100k.zip"), context)
    assert isinstance(found, cfplug.Dataset)
    return found


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a text file and give its path."""

    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written
