"""fondaco_core: the floor. It would still make sense if nobody sold anything, and imports nothing from above."""
