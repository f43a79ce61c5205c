"""What holds for every test."""

from hypothesis import settings

# A deadline asserts on wall time, which depends on the machine and on what else it does.
settings.register_profile("cfplug", deadline=None)
settings.load_profile("cfplug")
