"""What holds for every test."""

import gc

import pytest
from hypothesis import settings

# A deadline asserts on wall time, which depends on the machine and on what else it does.
# The same examples each time: a red suite is a change, not luck. `make fuzz` looks for new ones.
settings.register_profile("cfplug", deadline=None, derandomize=True, max_examples=30)
settings.register_profile("fuzz", deadline=None, derandomize=False, print_blob=True)
settings.load_profile("cfplug")


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is imported by now stays: to look for garbage among it again and again costs a tenth of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
