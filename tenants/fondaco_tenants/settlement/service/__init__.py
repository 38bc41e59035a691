"""The use cases of settlement, one file per story."""
