"""What to do next: pure functions of specs, facts, time and a random source."""
