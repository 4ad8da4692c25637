"""The rules: pure functions from records to issues. catalogue.py lists them, rule.py says what one is.

Nothing is imported here, because conversion needs four of the modules and must not wait for the others.
"""
