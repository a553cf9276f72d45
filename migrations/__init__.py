"""The database, built step by step; triggers, functions and grants are here too."""
