"""Where signs of life are seen: one module for each kind of source."""
