"""Agencies, their services, and what each service costs."""
