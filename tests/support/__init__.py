"""The machinery behind the shared fixtures: real servers, databases and browsers."""
