"""One file per outside thing, each implementing a port of :mod:`chitram.services.ports`."""
