"""The books: one balanced, immutable transaction for each fact that moves money."""
