"""The whole system in one thread, under one seeded scheduler, against AWS in memory."""
