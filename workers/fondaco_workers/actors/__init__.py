"""Every actor, one file per module. Importing this package makes them known by their names, so that none is forgotten."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
