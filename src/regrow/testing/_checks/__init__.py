"""The parts of `regrow.testing.conformance`: what a launcher promises, one check for each promise."""
