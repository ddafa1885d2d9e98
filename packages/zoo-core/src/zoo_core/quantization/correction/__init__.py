"""Own the corrections that use images to bring a quantized graph closer to the float graph it was made from."""
