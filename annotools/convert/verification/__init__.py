"""What `annotools verify` checks, a file for each kind of thing; verify.py is the front door."""
