"""Hold the models of image classification, one module per family; the table of names is light, the rest is not."""
