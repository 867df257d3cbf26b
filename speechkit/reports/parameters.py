"""Where report notebooks are, and which parameters they take; what is wrong is refused before anything
runs."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speechkit.errors import ReportError

if TYPE_CHECKING:
    import pandas as pd

FOLDERS: Final = (
    Path(__file__).resolve().parents[2] / "notebooks" / "reports",  # a clone of the repository
    Path(sys.prefix) / "share" / "speechkit" / "reports",  # where an installed package puts them
)
"""Where a report is looked for by its name, in this order."""

_TRUE, _FALSE = {"true", "yes", "1"}, {"false", "no", "0"}


def find_report(name_or_path: str | Path) -> Path:
    """Find the notebook of a report, by its name or by a path that ends in `.ipynb`.

    Raises ReportError with the names there are, and the nearest one, when there is none.
    """
    given = Path(name_or_path).expanduser()
    if given.suffix == ".ipynb":
        if given.is_file():
            return given.absolute()
        raise ReportError(f"there is no notebook {given}. Check the path.")
    known = {path.stem: path for folder in reversed(FOLDERS) for path in sorted(folder.glob("*.ipynb"))}
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    near = get_close_matches(str(name_or_path), known, n=1)
    raise ReportError(
        f"there is no report {str(name_or_path)!r}."
        + (f" Did you mean {near[0]!r}?" if near else "")
        + f" The reports are: {', '.join(sorted(known)) or 'none'}; the path of a notebook does as well."
    )


def report_parameters(name: str | Path) -> pd.DataFrame:
    """List the parameters of a report: `name`, `type`, `default` (a Python value) and `help`, in their order.

    >>> report_parameters("insight_report")["name"].tolist()[:2]
    ['corpus', 'title']
    """
    import pandas as pd

    rows = list(_known(find_report(name)).values())
    return pd.DataFrame(rows, columns=["name", "type", "default", "help"])


def check_parameters(notebook: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check parameters against those of a notebook, and turn text into the type that each has there.

    Text stands for numbers and truth values as a command line gives them ("7", "yes"). Raises ReportError for
    a name that the notebook does not know, with the nearest one, and for a value of another type.
    """
    known = _known(notebook)
    return {name: _checked(notebook.stem, name, value, known) for name, value in given.items()}


def _known(notebook: Path) -> dict[str, dict[str, Any]]:
    """Name, type, default and help of each parameter of a notebook."""
    return _inspect(notebook, notebook.stat().st_mtime_ns)


@lru_cache(maxsize=16)  # each report of a fleet asks
def _inspect(notebook: Path, modified_ns: int) -> dict[str, dict[str, Any]]:
    from papermill import inspect_notebook

    try:
        found = inspect_notebook(_literal(notebook))
    except Exception as error:  # papermill passes on whatever its readers raise
        raise ReportError(
            f"{notebook} cannot be read as a notebook: {error}. Open and save it in JupyterLab."
        ) from error
    answer = {}
    for name, row in found.items():
        default = _value(row["default"])
        kind = row["inferred_type_name"]
        kind = type(default).__name__ if kind in ("None", "") else str(kind)
        answer[name] = {"name": name, "type": kind, "default": default, "help": row["help"]}
    return answer


def _literal(path: Path) -> str:
    """A path for papermill, which fills in `{names}` in paths."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _value(source: str) -> Any:
    try:
        return ast.literal_eval(source)
    except (ValueError, SyntaxError):
        return source


def _checked(report: str, name: str, value: Any, known: Mapping[str, Mapping[str, Any]]) -> Any:
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise ReportError(
            f"{report} has no parameter {name!r}."
            + (f" Did you mean {near[0]!r}?" if near else "")
            + f" Its parameters are: {', '.join(known) or 'none'}."
        )
    kind = known[name]["type"].partition("[")[0].strip()
    if value is None and "None" not in known[name]["type"]:
        raise ReportError(f"{report}: {name} must be {kind}, not None. Leave it out for its default.")
    try:
        return _READERS.get(kind, lambda given: given)(value)
    except (ValueError, TypeError, SyntaxError):
        raise ReportError(
            f"{report}: {name} must be {known[name]['type']}, not {value!r}. "
            f"Write it like its default: {known[name]['default']!r}"
        ) from None


def _text(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return float(value)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in _TRUE | _FALSE:
        raise TypeError
    return value.lower() in _TRUE


def _list(value: Any) -> list[Any]:
    if isinstance(value, str):  # a command line: a, b and c, or a Python list
        value = (
            ast.literal_eval(value)
            if value.lstrip().startswith("[")
            else [v.strip() for v in value.split(",")]
        )
    if not isinstance(value, list | tuple):
        raise TypeError
    return list(value)


_READERS: Final[Mapping[str, Any]] = {
    "str": _text,
    "int": _whole,
    "float": _number,
    "bool": _truth,
    "list": _list,
}
