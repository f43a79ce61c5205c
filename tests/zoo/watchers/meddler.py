"""Its observers raise, exit, or try to change the event; the run goes on."""

import cfplug


@cfplug.hookimpl
def cfplug_run_started(event):
    event.title = "mine"


@cfplug.hookimpl
def cfplug_step_finished(event):
    raise LookupError(f"no table for the step {event.step}")


@cfplug.hookimpl
def cfplug_epoch_finished(event):
    raise SystemExit(f"epoch {event.epoch} is enough")


@cfplug.hookimpl
def cfplug_run_finished(event):
    event.metrics[0][4] = 0.0


@cfplug.hookimpl
def cfplug_run_failed(event):
    event.where.append("mine")
