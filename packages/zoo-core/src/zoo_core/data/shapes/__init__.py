"""Own the data set of drawn figures: pictures whose boxes, keypoints and identities are known exactly."""
