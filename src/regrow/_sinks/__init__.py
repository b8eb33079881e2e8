"""Who listens to events."""
