"""Images listed in a CSV file, as the data set example_dataset of zoo."""

__version__ = "0.1.0"
