"""Files of this machine: opened in one place, with a portable way beside each call that a system lacks."""
