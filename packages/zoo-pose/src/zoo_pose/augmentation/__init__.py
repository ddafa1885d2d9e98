"""Own the random changes of training images and their keypoints."""
