# ruff: noqa: INP001, PTH100, PTH120 -- no package; pathlib costs every child
"""Python runs this first in a subprocess that a test starts: it joins the test's cassette.

It then runs the ``sitecustomize`` that would have been found without this folder.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

_HERE = os.path.dirname(os.path.abspath(__file__))


def _join() -> None:
    try:
        from pytest_reqord.run import children
    except ImportError:  # another Python, or one that doesn't find the package
        return
    children.enter_from_environment()


def _run_next() -> None:
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _HERE]
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


_join()
_run_next()
