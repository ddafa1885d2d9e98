"""Offer the `zoo` command; importing this package loads no command."""
