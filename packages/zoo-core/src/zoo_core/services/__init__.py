"""Carry a configuration through its chain of services, from training to deployment."""
