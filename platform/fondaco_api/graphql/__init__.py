"""graphql: one schema over one endpoint. Types and resolvers, one file per business module, and the transport below them."""
