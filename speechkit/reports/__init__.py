"""Papermill notebooks turned into HTML reports."""
