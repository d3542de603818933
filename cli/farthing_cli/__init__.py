"""The `farthing` command. It is never deployed."""
