"""Boards that run, over the system's own ssh."""
