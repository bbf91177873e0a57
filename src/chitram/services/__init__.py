"""Use cases, in the words of the domain and of :mod:`chitram.services.ports` only: no HTTP, SQL, Redis or settings."""
