"""Who is calling: merchants, their API keys, and what a key may do."""
