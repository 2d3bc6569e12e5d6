"""Writes what is learnt of payments and tokens, and the events that follow from it."""
