"""fondaco_workers: the back door. Facts come out of the outbox, go through the queue, and become work of actors."""
