"""Reports: a parameterized notebook, run by papermill over a corpus, as one HTML file."""

from speechkit.reports.parameters import report_parameters
from speechkit.reports.run import run_report

__all__ = ["report_parameters", "run_report"]
