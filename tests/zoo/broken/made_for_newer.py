# /// script
# dependencies = ["cfplug>=9", "numpy"]
# ///
"""It says that it needs a cfplug that nobody has yet; it is not even imported."""

raise AssertionError("this plugin was imported")
