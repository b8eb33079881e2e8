"""With guardians: who starts, watches and ends processes by telling the nest to."""
