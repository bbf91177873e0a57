"""Which files an import takes. Nothing that it passes over aborts it, and all of it is counted."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

EXTENSIONS = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".avif"})


class Walk:
    """The pictures below some paths, in the order of their names.

    A file that is named itself is always taken: the server judges it by its content. In folders,
    hidden files and folders and those that are not named like a picture are passed over. Links are
    followed; a folder is entered once, however many ways lead to it, so loops end.
    """

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        """How many were passed over, by reason."""
        self.unreadable: list[tuple[Path, str]] = []
        """Paths that could not be looked at, with the system's words."""
        self._entered: set[tuple[int, int]] = set()

    def __call__(self, paths: Iterable[Path]) -> list[Path]:
        """All files to take below `paths`; each once, though it be reached twice."""
        found = (file for path in paths for file in self._below(path))
        return list(dict.fromkeys(found))

    def _below(self, path: Path) -> Iterator[Path]:
        if path.is_dir():
            yield from self._in_folder(path)
        elif path.exists():
            yield path
        else:
            self.unreadable.append((path, "no such file or folder"))

    def _in_folder(self, folder: Path) -> Iterator[Path]:
        for entry in self._entries(folder):
            path = folder / entry.name
            if entry.name.startswith("."):
                self.skipped["hidden"] += 1
            elif _holds(entry.is_dir):
                yield from self._in_folder(path)
            elif path.suffix.lower() not in EXTENSIONS:
                self.skipped["not named like a picture"] += 1
            elif _holds(entry.is_file):
                yield path
            else:
                self.unreadable.append((path, "not a file, or a link to nowhere"))

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            place = folder.stat()
            if (place.st_dev, place.st_ino) in self._entered:
                self.skipped["folder met before"] += 1
                return []
            self._entered.add((place.st_dev, place.st_ino))
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.unreadable.append((folder, error.strerror or str(error)))
            return []


def _holds(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except OSError:  # a link that leads to itself
        return False
