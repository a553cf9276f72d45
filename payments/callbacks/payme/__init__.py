"""Payme's Merchant API: we are its JSON-RPC server, and answer every repeat alike."""
