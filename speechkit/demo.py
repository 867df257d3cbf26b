"""Where the demo data lies: notebooks and examples find it through this, never by a relative path."""

from __future__ import annotations

import os
from pathlib import Path

from speechkit.errors import SettingsError


def demo_data(name: str = "calls") -> Path:
    """Return the path of demo data, such as `calls`, `calls.csv` or `truth`.

    It is looked for in SPEECHKIT_DATA, then in the `data` folder of the repository that the package was
    installed from. Raises SettingsError where it is not there.

    >>> demo_data("nothing of that name")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    speechkit.errors.SettingsError: there is no demo data named 'nothing of that name'...
    """
    chosen = os.environ.get("SPEECHKIT_DATA")
    folder = Path(chosen).expanduser() if chosen else Path(__file__).resolve().parent.parent / "data"
    path = folder / name
    if path.exists():
        return path
    if folder.is_dir() and (known := sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))):
        raise SettingsError(
            f"there is no demo data named {name!r}. In {folder} there are: {', '.join(known)}."
        )
    raise SettingsError(
        f"the demo data is not there: {folder} is no folder with data. Set SPEECHKIT_DATA to the folder "
        "`data` of a clone of the repository."
    )
