"""Evidence: committed journals sealed into trees, whose heads are signed and shown to strangers."""
