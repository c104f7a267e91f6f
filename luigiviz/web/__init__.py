"""The web: thin blueprints that turn requests into service calls, and results into JSON, HTML and SVG."""
