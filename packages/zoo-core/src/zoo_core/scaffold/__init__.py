"""Own the writing of new plugins: a whole distribution of each kind, from templates that are package data."""
