"""Broken: an observer calls its argument by another name."""

import cfplug


@cfplug.hookimpl
def cfplug_run_finished(result):
    print(result.folder)
