"""`python -m regrow` is the command."""

from regrow._cli.main import main

raise SystemExit(main())
