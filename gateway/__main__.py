"""`python -m gateway` is `p1-gateway`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
