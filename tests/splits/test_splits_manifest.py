"""The declarations of the splits plugin: what they load and that their functions are there."""

from __future__ import annotations

import subprocess
import sys

import cfplug_splits
import pytest

import cfplug

CODE = "import sys, cfplug_splits; print(*(each for each in ('numpy', 'pandas', 'torch') if each in sys.modules))"


def test_the_manifest_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("splitter", cfplug_splits.cfplug_splits(), ids=lambda splitter: splitter.name)
def test_every_declared_function_is_there(splitter: cfplug.Splitter) -> None:
    assert callable(splitter.function("split"))
    assert splitter.summary
