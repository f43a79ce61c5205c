"""What the plugin declares, and that declaring it costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cfplug_movielens


def test_the_source_is_declared_with_a_function_that_can_be_imported() -> None:
    (source,) = cfplug_movielens.cfplug_sources()
    assert (source.name, source.params) == ("movielens-100k", cfplug_movielens.MovieLens100K)
    assert source.function("read").__name__ == "read_100k"
    assert source.summary.startswith("MovieLens 100K: 100,000 ratings of 1,682 films by 943 users")


def test_the_path_is_optional() -> None:
    assert cfplug_movielens.MovieLens100K().path is None
    assert cfplug_movielens.MovieLens100K(Path("ml-100k.zip")).path == Path("ml-100k.zip")


def test_declaring_loads_nothing_heavy() -> None:
    program = "import sys, cfplug_movielens; cfplug_movielens.cfplug_sources(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"pandas", "numpy", "pooch", "requests", "platformdirs", "torch", "fastai"}
    assert heavy & set(done.stdout.split()) == set()


def test_every_module_uses_only_the_public_door() -> None:
    folder = Path(cfplug_movielens.__file__).parent
    text = "\n".join(file.read_text(encoding="utf-8") for file in folder.glob("*.py"))
    assert "from cfplug." not in text
    assert "import cfplug." not in text
