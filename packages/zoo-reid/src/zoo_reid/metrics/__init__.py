"""Own the measures of a search: distances, ranks, precision, their uncertainty, and the pictures of them."""
