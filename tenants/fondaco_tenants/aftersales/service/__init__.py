"""Use cases of after-sales: what happened to an order, and evidence of what was done with a code."""
