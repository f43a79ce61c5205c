"""Healthy: it keeps every event."""

import cfplug

reported = []


@cfplug.hookimpl
def cfplug_run_started(event):
    reported.append(("cfplug_run_started", event))


@cfplug.hookimpl
def cfplug_step_finished(event):
    reported.append(("cfplug_step_finished", event))


@cfplug.hookimpl
def cfplug_epoch_finished(event):
    reported.append(("cfplug_epoch_finished", event))


@cfplug.hookimpl
def cfplug_run_finished(event):
    reported.append(("cfplug_run_finished", event))


@cfplug.hookimpl
def cfplug_run_failed(event):
    reported.append(("cfplug_run_failed", event))
