"""The programs of `regrow.testing.children`. They are executed; nothing here imports anything of regrow."""
