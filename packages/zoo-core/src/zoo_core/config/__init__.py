"""Turn a YAML file and overrides into one immutable, checked configuration."""
