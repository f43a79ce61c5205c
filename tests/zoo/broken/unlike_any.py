"""Broken: what it marks is like no hook at all."""

import cfplug


@cfplug.hookimpl
def register(app):
    app.add("best")
