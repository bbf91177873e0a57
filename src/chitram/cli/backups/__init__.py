"""Backups of a stack on SQLite: how they lie on a disk, how one is taken while the service runs, how one comes back."""
