"""Broken: it leaves the program on import."""

import sys

sys.exit(3)
