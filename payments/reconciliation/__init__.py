"""Bank statements and providers' settlements against our books."""
