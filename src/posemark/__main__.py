"""`python -m posemark` is the same as the command `posemark`."""

from posemark.cli import main

if __name__ == "__main__":
    main()
