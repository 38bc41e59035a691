"""Use cases of supply."""
