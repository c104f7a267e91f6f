"""luigiviz and luigid as real processes, called over HTTP by Luigi's own client."""
