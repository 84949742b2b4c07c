"""``make fuzz``: schemathesis against the deployed service, with the service's own description; see ``docs/api.md``."""
