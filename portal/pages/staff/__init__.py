"""Pages for those who work with Mizon; every one stands behind a sign-in."""
