"""Broken: its hook leaves the program."""

import cfplug


@cfplug.hookimpl
def cfplug_metrics():
    raise SystemExit("no licence")
