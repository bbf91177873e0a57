"""A package, because pytest ends package-scoped fixtures at the end of a package only."""
