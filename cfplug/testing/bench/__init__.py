"""What laws are held on: small data, models trained on it, a second process, and how two answers are compared."""
