"""What dramatiq boots in tests: the worker's main with the probes among its actors."""

import tests.workers.probe
from fondaco_workers.main import broker

assert tests.workers.probe.mark.name in broker.actors
