"""http: what is served beside GraphQL, and what every request passes through."""
