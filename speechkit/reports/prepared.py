"""Importing this prepares a process for reports (`speechkit.reports.worker`): for the server that forks workers."""

from speechkit.reports.worker import prepare

prepare()
