"""The use cases of tenancy, one file per story."""
