"""What a plugin, a declaration and a component of each kind must keep: `CHECKS` of each module."""
