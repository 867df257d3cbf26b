"""Pure functions from transcript tables to tables."""
