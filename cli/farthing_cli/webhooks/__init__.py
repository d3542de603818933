"""`farthing webhooks`, `listen` and `trigger`: what a merchant's developer needs to receive
events."""
