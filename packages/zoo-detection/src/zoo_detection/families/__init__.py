"""Own the families of detectors, by the names of `model.model_type`."""
