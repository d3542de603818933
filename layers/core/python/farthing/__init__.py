"""Farthing: payments that a company runs in its own AWS account."""
