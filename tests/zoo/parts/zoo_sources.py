"""Sources that load and give no data; each declaration says how."""

from __future__ import annotations

import cfplug


@cfplug.hookimpl
def cfplug_sources() -> list[cfplug.Source]:
    return [
        cfplug.Source(
            "tableless", read="zoo_sources:tableless", help="It gives a table, not a Dataset."
        ),
        cfplug.Source("unreadable", read="zoo_sources:unreadable", help="It raises."),
        cfplug.Source("exiting", read="zoo_sources:exiting", help="It leaves the program."),
    ]


def tableless(params, context):
    import pandas as pd

    return pd.DataFrame({"user": [1], "item": [2], "rating": [3.0]})


def unreadable(params, context):
    raise OSError("the server does not answer")


def exiting(params, context):
    raise SystemExit(0)
