"""Class names and their ids: the map, the files it is read from, and did-you-mean."""
