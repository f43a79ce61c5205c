"""What a component names as its module; it leaves the program when it is imported."""

raise SystemExit("this module is a script")
