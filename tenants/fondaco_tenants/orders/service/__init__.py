"""Use cases of orders: place, read, and what happens afterwards."""
