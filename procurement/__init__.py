"""How the state buys; it meets money only through the ledger. Its capabilities come next."""
