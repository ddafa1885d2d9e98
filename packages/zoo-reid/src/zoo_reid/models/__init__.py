"""Hold the models of re-identification; the table of names is light, the rest is not."""
