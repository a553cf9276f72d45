"""The double-entry ledger: accounts, journals of two-sided transfers, one writer, and the proof."""
