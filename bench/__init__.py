"""Measurements. Their results stand in docs/, with the date and the number of cores."""
