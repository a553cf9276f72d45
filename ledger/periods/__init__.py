"""Fiscal periods of a book: open, closed softly, closed with a sealed trial balance, reopened by two."""
