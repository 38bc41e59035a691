"""The processes of a whole installation on the test's servers: each may be killed, and each is ended with the test."""

from tests.workers.conftest import queue, queue_settings, start

__all__ = ["queue", "queue_settings", "start"]
