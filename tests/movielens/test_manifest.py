"""What the plugin declares, and that declaring it costs nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import cfplug_movielens
import pytest

READERS = {
    "movielens-100k": (cfplug_movielens.MovieLens100K, "read_100k"),
    "movielens-small": (cfplug_movielens.MovieLensSmall, "read_small"),
    "movielens-1m": (cfplug_movielens.MovieLens1M, "read_1m"),
    "movielens-10m": (cfplug_movielens.MovieLens10M, "read_10m"),
    "movielens-20m": (cfplug_movielens.MovieLens20M, "read_20m"),
    "movielens-25m": (cfplug_movielens.MovieLens25M, "read_25m"),
    "movielens-32m": (cfplug_movielens.MovieLens32M, "read_32m"),
}


def test_the_sources_are_declared_with_functions_that_can_be_imported() -> None:
    sources = cfplug_movielens.cfplug_sources()
    assert {
        source.name: (source.params, source.function("read").__name__) for source in sources
    } == READERS
    assert sources[0].summary.startswith(
        "MovieLens 100K: 100,000 ratings of 1,682 films by 943 users"
    )


@pytest.mark.parametrize("params", [params for params, _ in READERS.values()])
def test_every_parameter_is_optional_and_the_path_comes_first(params: type) -> None:
    assert params().path is None
    assert params(Path("there.zip")).path == Path("there.zip")


@pytest.mark.parametrize(
    ("params", "given", "message"),
    [
        (
            cfplug_movielens.MovieLens100K,
            {"items": "name"},
            "items: must be one of id, title; is 'name'",
        ),
        (
            cfplug_movielens.MovieLensSmall,
            {"edition": 2017},
            "edition: must be one of 2016, 2018; is 2017",
        ),
        (
            cfplug_movielens.MovieLens25M,
            {"relevance": 2.0},
            "relevance: must be at least 0 and at most 1; is 2.0",
        ),
    ],
)
def test_a_parameter_out_of_bounds_is_refused(
    params: type, given: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as error:
        params(**given)
    assert str(error.value).startswith(message)


def test_declaring_loads_nothing_heavy() -> None:
    program = "import sys, cfplug_movielens; cfplug_movielens.cfplug_sources(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {"pandas", "numpy", "pooch", "requests", "platformdirs", "torch", "fastai", "pyarrow"}
    assert heavy & set(done.stdout.split()) == set()


PUBLIC = {"cfplug", "cfplug.data.dataset", "cfplug.errors", "cfplug.plugin.hookspecs"}
"""The modules of cfplug for authors of plugins that have to do with sources."""


def test_every_module_imports_only_public_modules_of_cfplug() -> None:
    folder = Path(cfplug_movielens.__file__).parent
    text = "\n".join(file.read_text(encoding="utf-8") for file in folder.glob("*.py"))
    imported = set(re.findall(r"from (cfplug(?:\.[\w.]+)?) import", text))
    assert imported <= PUBLIC
    assert "import cfplug." not in text
