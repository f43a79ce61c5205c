"""Healthy: it keeps every event."""

import cfplug

told = []


@cfplug.hookimpl
def cfplug_run_started(event):
    told.append(("cfplug_run_started", event))


@cfplug.hookimpl
def cfplug_step_finished(event):
    told.append(("cfplug_step_finished", event))


@cfplug.hookimpl
def cfplug_epoch_finished(event):
    told.append(("cfplug_epoch_finished", event))


@cfplug.hookimpl
def cfplug_run_finished(event):
    told.append(("cfplug_run_finished", event))


@cfplug.hookimpl
def cfplug_run_failed(event):
    told.append(("cfplug_run_failed", event))
