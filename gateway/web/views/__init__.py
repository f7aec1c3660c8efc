"""What the owner sees and does: one module a view, with its templates."""
