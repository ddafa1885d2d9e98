"""Tell experiment trackers what happens in a run, without the run depending on any of them."""
