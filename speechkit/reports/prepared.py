"""Importing this prepares a process for reports (`speechkit.reports.worker`): for the server that forks workers."""

from contextlib import suppress

from speechkit.reports.worker import prepare

with suppress(Exception):  # what is wrong is told by the report that meets it, not by a server that dies
    prepare()
