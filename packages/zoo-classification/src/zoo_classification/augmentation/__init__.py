"""Change training images at random, image by image and batch by batch."""
