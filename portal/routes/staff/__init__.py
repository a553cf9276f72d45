"""Routes behind the sign-in; each names the permission it needs."""
