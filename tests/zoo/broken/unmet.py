# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "cfplug>=0.1",
#     "a-package-that-nobody-has>=2; python_version > '3'",
#     "another; python_version < '3'",
#     "numpy>=99",
# ]
# ///
"""It says what it needs, by the names that an installer knows, and some of that is not here."""

import a_module_of_that_package

a_module_of_that_package.start()
