"""Hold the data sets of image classification, one module per format."""
