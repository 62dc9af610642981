"""`python -m app` is `joblog`."""

from app.cli import main

main()
