"""Own how detectors are trained beside what every use case shares: learning rates of their parts and over the epochs."""
