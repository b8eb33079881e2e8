"""What this machine gives, for `regrow doctor`."""
