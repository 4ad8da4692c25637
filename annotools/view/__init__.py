"""Looking at a data set: what is in it, in figures and in pictures."""
