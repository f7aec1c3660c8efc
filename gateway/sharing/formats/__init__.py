"""How a disclosure is written for its recipient: one module a format, pure."""
