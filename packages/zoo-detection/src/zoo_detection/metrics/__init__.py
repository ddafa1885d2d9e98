"""Own the measures of detectors and the files that show them."""
