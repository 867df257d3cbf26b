"""What pages of their own share: the files beside the code, a policy that lets nothing else in, links, writing."""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cache
from pathlib import Path
from urllib.parse import quote

from speechkit.errors import ReportError
from speechkit.whole import whole


@cache
def file_text(name: str) -> str:
    """Read a style, script or template that lies beside this module."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def policy(styles: list[str], scripts: list[str]) -> str:
    """Write a content security policy: only these styles and scripts, sound from the page or its folder.

    >>> policy(["p {}"], [])[:60]
    "default-src 'none'; style-src 'sha256-SNJDlN1Iy2mnt7DOjQIyDb"
    """
    named = {"style-src": styles, "script-src": scripts}
    parts = [
        f"{kind} " + (" ".join(f"'sha256-{_digest(text)}'" for text in texts) or "'none'")
        for kind, texts in named.items()
    ]
    rest = "media-src data: 'self' file:; img-src data:; base-uri 'none'; form-action 'none'"
    return "; ".join(["default-src 'none'", *parts, rest])


def link(target: Path, folder: Path) -> str:
    """Return the address of a file as seen from a page in `folder`."""
    try:
        return quote(Path(os.path.relpath(target.resolve(), folder.resolve())).as_posix())
    except ValueError:  # another drive
        return target.resolve().as_uri()


class Page:
    """What shows itself in a notebook, and is saved as a page that asks nothing of the network."""

    def _render(self, *, alone: bool, folder: Path) -> str:
        """Write the HTML: alone, a whole page; links are as seen from `folder`."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return self._render(alone=False, folder=Path.cwd())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a page of its own; answers its path.

        A recording that is too large to embed is linked by its path relative to the page: keep them together.
        The file is there whole or not at all; raises ReportError where it cannot be written.
        """
        return write_page(path, self._render(alone=True, folder=Path(path).parent))


def write_page(path: str | os.PathLike[str], text: str) -> Path:
    """Write a page whole or not at all; the folder is made. Raises ReportError where it cannot be written."""
    target = Path(path)
    try:
        with whole(target) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ReportError(f"{target} cannot be written: {error.strerror}. Take another folder.") from error
    return target


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
