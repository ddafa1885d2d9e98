"""Own what every data set shares: reading images, preprocessing, splits, loaders, calibration."""
