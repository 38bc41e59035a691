"""webhooks: facts told to merchants' own systems."""
