"""Use cases of payments: wallets, gateways, payments and what becomes of their money."""
