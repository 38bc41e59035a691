"""fondaco_api: the front door. HTTP and GraphQL translated into use cases, nothing decided here."""
