"""fondaco_tenants: the selling. Modules form a stack: calls go down it, events go up through the outbox."""
