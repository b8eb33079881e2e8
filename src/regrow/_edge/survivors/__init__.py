"""What could survive a supervisor: remembered in a directory, and ended before the next one starts anything."""
