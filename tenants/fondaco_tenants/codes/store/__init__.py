"""Every SQL statement of codes, by what it is about."""
