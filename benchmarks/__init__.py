"""How fast, how small and how thorough regrow is, measured beside what else there is: `nox -s bench`."""
