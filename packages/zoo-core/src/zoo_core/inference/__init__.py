"""Run models on batches of images, whatever engine holds them, and measure them on this machine."""
