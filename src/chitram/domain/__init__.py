"""Plain Python: what an image, an account, a page and an error are. Nothing here knows a library or does I/O."""
