"""Who carries a disclosure to its recipient: one package or module a transport."""
