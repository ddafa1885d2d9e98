"""Own the detectors: backbones, necks, heads, priors, and the weights that are published for them."""
