"""How much work a JPEG asks for, told by its markers (ITU-T T.81, annex B) before a decoder is let at it.

Each scan is a pass over all pixels and may be written in a hundred bytes; each segment costs the reader a step.
"""

import mmap
import re
from pathlib import Path

MAX_SCANS = 100
"""Progressive files have about ten."""
MAX_SEGMENTS = 5000
"""Tables, profiles and comments. A profile has 255 at most, and 25 MB of full segments are 400."""

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither a stuffed byte nor a restart: those belong to a scan
_ALONE = {0x01, 0xD8}
_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA


def is_laborious(path: Path) -> bool:
    """Whether the file has more scans or segments than a picture needs. What follows the picture is not looked at."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        scans = segments = at = 0
        while found := _MARKER.search(data, at):
            marker, at = data[found.end() - 1], found.end()
            if marker == _END_OF_IMAGE:
                return False
            if marker not in _ALONE:
                at += int.from_bytes(data[at : at + 2], "big")
            segments += 1
            scans += marker == _START_OF_SCAN
            if scans > MAX_SCANS or segments > MAX_SEGMENTS:
                return True
        return False
