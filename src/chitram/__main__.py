"""`python -m chitram` is `chitram`."""

from chitram.cli import main

if __name__ == "__main__":
    main()
