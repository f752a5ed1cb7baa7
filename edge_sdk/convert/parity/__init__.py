"""Parity: what several engines, or a model and its source, compute of the same inputs, in numbers and in answers."""
