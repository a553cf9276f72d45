"""A twin of Stripe, Payme and a bank for whoever has no keys: their protocols, and no real money."""
