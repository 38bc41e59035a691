"""What takes longer than a transaction: files, imports, dry runs, and what time does to stock."""
