"""Money that crosses the border between our books and the world."""
