"""What to run and what happened: frozen, validated values, and the protocols at the seams."""
