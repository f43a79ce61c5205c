"""Healthy, with an object that claims to have every attribute, and one that raises whenever it is asked."""

import cfplug


class Anything:
    def __getattr__(self, name):
        return self

    def __call__(self, *arguments):
        return self


class Nothing:
    def __getattr__(self, name):
        raise RuntimeError(f"there is no {name} outside of a request")

    def __call__(self):
        return None


anything, nothing = Anything(), Nothing()


@cfplug.hookimpl
def cfplug_metrics():
    return [cfplug.Metric("magic", score="magical:score")]
