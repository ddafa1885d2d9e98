"""Offer plugin authors what they need for tests; imports nothing heavy and nothing of pytest."""
