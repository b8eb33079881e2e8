"""Who does it: trio tasks with a mailbox, each the only owner of its state."""
