"""Find out where a quantized graph loses accuracy, and why."""
