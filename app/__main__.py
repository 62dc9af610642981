"""`python -m app` is `joblog`."""

from app.program import main

main()
