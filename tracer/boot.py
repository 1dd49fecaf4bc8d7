"""A module of ours becomes a process, in this interpreter or in another.

Another one need not have asgi-trace installed: this file is run there by its
path and makes `tracer`, and nothing that stands beside it, importable. On
`PYTHONPATH` the whole folder would be, with our versions of packages that the
app has its own of.
"""

import importlib
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

HOME = Path(__file__).parent


def command(
    module: str, *arguments: str, python: str | None = None
) -> list[str]:
    """The command line that calls a module's `main`.

    Args:
        module: `tracer.` and so on.
        arguments: What it finds in `sys.argv`.
        python: The interpreter; None: the one that runs this.
    """
    main = sys.modules.get("__main__")
    if python is None and getattr(main, "__file__", None) == __file__:
        python = sys.executable  # we are in another one ourselves
    # -P: else a `tracer.py` or `h11.py` in the user's folder would be
    # imported instead of ours.
    if python is None:
        return [sys.executable, "-P", "-m", module, *arguments]
    return [python, "-P", str(Path(__file__)), module, *arguments]


def become(module: str) -> int:
    """Call the module's `main`, as `python -m` would."""
    spec = spec_from_file_location(
        "tracer",
        HOME / "__init__.py",
        submodule_search_locations=[str(HOME)],
    )
    assert spec is not None
    assert spec.loader is not None
    package = module_from_spec(spec)
    sys.modules["tracer"] = package
    spec.loader.exec_module(package)
    code: int = importlib.import_module(module).main()
    return code


if __name__ == "__main__":
    # Not when `multiprocessing` imports it once more, to find what the app
    # has given it.
    sys.exit(become(sys.argv.pop(1)))
