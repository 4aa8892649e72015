"""Libraries that take long to import and that many commands do without: imported at their first use."""

import importlib
from types import ModuleType


class Lazy(ModuleType):
    """Stands for the module of a name, which is imported when something of it is asked for: `ndimage = Lazy("scipy.ndimage")`."""

    def __getattr__(self, name: str):
        return getattr(importlib.import_module(self.__name__), name)
