"""Broken: it raises on import, deep in a library; the line that its author must look at is the one here."""

import json

SETTINGS = json.loads("{")
