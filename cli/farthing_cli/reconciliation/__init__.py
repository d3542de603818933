"""`farthing reconcile` and `farthing breaks`."""
