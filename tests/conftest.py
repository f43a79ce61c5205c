"""What holds for every test."""

from hypothesis import settings

# A deadline asserts on wall time, which depends on the machine and on what else it does.
# The same examples each time: a red suite is a change, not luck. `make fuzz` looks for new ones.
settings.register_profile("cfplug", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("fuzz", deadline=None, derandomize=False, print_blob=True)
settings.load_profile("cfplug")
