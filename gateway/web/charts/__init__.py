"""How figures are drawn and written."""
