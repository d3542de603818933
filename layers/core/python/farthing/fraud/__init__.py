"""Whether a payment may be tried."""
