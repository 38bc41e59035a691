"""Use cases of identity, one file for each noun."""
