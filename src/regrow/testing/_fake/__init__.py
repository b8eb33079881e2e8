"""The parts of `regrow.testing.fake`."""
