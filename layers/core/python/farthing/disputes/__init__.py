"""Disputes: what payers call into question, the evidence against it, and the money meanwhile."""
