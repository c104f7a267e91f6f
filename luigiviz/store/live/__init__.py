"""The durable copy of the live state: what the scheduler knows of tasks, workers, batchers, resources."""
