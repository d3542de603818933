"""Checkout sessions: what a payer is asked to pay on our own page, and that it is paid once."""
