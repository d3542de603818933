"""The edge: what comes in over HTTP, what goes out, and nothing that decides."""
