"""What providers tell us: verified on raw bytes, stored once, worked once."""
