"""Tests of the portal's look and languages."""
