"""Small pipelines to try luigiviz with."""
