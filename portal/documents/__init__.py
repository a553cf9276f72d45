"""Reports as files that people keep: one value (`report.py`), written as CSV, XLSX or PDF."""
