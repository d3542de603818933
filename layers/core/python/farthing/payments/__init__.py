"""Purchases: intents, the operations on them, refunds, and the customers who pay."""
