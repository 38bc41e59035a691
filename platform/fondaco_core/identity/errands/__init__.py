"""What takes a moment, or must remain after a refusal: each takes no open transaction and opens its own short ones."""
