"""One model for every result."""
