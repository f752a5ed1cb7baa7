"""On the board: results that reach the fleet once, updates that cannot be forged and cannot brick it."""
