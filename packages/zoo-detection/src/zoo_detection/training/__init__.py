"""Own the training of detectors beside what every use case shares: rates of their parts and over the epochs."""
