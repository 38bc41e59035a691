"""What an operator runs: `fondaco up`, migrate, seed, doctor, schema, bench, demo."""
