"""Three books beside each other: ours, the acquirer's report, the bank's statement."""
