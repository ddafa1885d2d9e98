"""Own the data sets: reading and writing pictures named after persons, judging them, dividing them by person."""
