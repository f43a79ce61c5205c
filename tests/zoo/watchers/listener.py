"""Healthy: it keeps every event."""

import cfplug

message = []


@cfplug.hookimpl
def cfplug_run_started(event):
    message.append(("cfplug_run_started", event))


@cfplug.hookimpl
def cfplug_step_finished(event):
    message.append(("cfplug_step_finished", event))


@cfplug.hookimpl
def cfplug_epoch_finished(event):
    message.append(("cfplug_epoch_finished", event))


@cfplug.hookimpl
def cfplug_run_finished(event):
    message.append(("cfplug_run_finished", event))


@cfplug.hookimpl
def cfplug_run_failed(event):
    message.append(("cfplug_run_failed", event))
