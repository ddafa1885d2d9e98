"""Own the search for the cheapest quantization that keeps the metric: rung after rung, each one measured."""
