"""Healthy, with an object that has every attribute, and one whose attributes raise."""

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
