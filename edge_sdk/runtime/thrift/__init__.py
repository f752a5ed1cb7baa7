"""Doing less on purpose: where nothing moves, and where the board is too hot, held back, or too late."""
