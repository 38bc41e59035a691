"""Use cases of codes, one file for each kind of thing that is done."""
