"""Keep what a run did in one folder that a person can read and a later command can continue."""
