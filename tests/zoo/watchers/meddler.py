"""Its observers raise, leave the program, or try to change what they are told. The run must not mind."""

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
