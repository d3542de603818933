"""`farthing ledger`: balances, transactions, and whether the books are right."""
