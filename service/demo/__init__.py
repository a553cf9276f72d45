"""The demo town and its story."""
