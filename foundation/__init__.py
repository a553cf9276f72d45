"""The floor everything stands on; no word of the domain is spoken here."""
