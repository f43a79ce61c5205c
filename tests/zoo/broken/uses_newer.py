"""It takes a name that this cfplug has not."""

from cfplug import Forecaster


def cfplug_forecasters():
    return [Forecaster("tomorrow")]
