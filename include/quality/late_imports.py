"""Put the import of heavy modules off until somebody uses them."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _Late(ModuleType):
    """Stands in a module's place until one of its names is asked for."""

    def __getattr__(self, name: str) -> Any:
        # Whoever looks through all modules asks for `__file__` and the like of each.
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def put_off(*names: str) -> Iterator[None]:
    """Whoever imports one of these modules within the block gets it when it is used. After the block all is as usual.

    `importlib.util.LazyLoader` does not help where something asks each module for its `__file__`, as `inspect` does.
    """
    late = {name: _Late(name) for name in names if name not in sys.modules}
    sys.modules.update(late)
    try:
        yield
    finally:
        for name, module in late.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
