"""What children print and read: pipes, and who drains and fills them."""
