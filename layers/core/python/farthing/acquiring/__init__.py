"""Asking the acquirer: one port, its connectors, and the function that alone sends."""
