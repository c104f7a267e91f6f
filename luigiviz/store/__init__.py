"""SQL: what outlives the process."""
