"""Whatever a request describes in YAML."""
