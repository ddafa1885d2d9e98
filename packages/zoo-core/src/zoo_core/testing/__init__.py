"""Own what plugin authors need for tests: fixtures for pytest, tiny data, and in `conformance` one class per kind.

This module imports nothing heavy and nothing of pytest.
"""
