"""Own the networks that find keypoints, and the weights published for them."""
