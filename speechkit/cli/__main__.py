"""`python -m speechkit.cli` is the command too."""

from speechkit.cli import app

app()
