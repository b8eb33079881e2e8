"""Guardians: small processes that end what must not outlive its supervisor. `wire` says how to talk to them."""
