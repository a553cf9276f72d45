"""Tests of reconciliation: bank statements, matching, breaks."""
