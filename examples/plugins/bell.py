import sys

import cfplug


@cfplug.hookimpl
def cfplug_run_finished(event):
    print(f"\a{event.folder} is ready", file=sys.stderr)
