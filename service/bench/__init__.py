"""Measure the ledger against two hand-written floors, in one alternating run on a database of its own."""
