"""Payment providers behind one protocol; only these files speak to the outside."""
