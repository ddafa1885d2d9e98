"""Change training images and their boxes at random.

All random numbers come from torch's global generator.
"""
