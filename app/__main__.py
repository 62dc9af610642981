"""`python -m joblog` is `joblog`."""

from joblog.actors.service.program import main

main()
