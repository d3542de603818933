"""The end of the day: which money one acquirer owes one merchant, asked for once."""
