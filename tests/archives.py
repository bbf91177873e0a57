"""An exported archive as its owner unpacks it, and what another reader of zips says of it."""

import io
import json
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.missing import missing


@dataclass(frozen=True)
class Unpacked:
    """The manifest, and every other file by its name."""

    manifest: dict[str, Any]
    files: dict[str, bytes]

    @property
    def images(self) -> dict[str, dict[str, Any]]:
        """The manifest's images by id."""
        return {image["id"]: image for image in self.manifest["images"]}

    def original(self, image_id: str) -> bytes:
        """The bytes that the manifest points at."""
        return self.files[self.images[image_id]["file"]]


def unpacked(data: bytes, scratch: Path) -> Unpacked:
    """Read an archive, once Info-ZIP's reader has found nothing wrong with it."""
    path = scratch / "under-test.zip"
    path.write_bytes(data)
    assert_whole(path)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(set(archive.namelist())) == len(archive.namelist())
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    assert {image["file"] for image in manifest["images"]} - {None} == set(files)
    return Unpacked(manifest, files)


def assert_whole(path: Path) -> None:
    """`unzip -t` reads every entry and compares its CRC: a reader that shares nothing with our writer."""
    if shutil.which("unzip") is None:
        missing("unzip", "apt-get install unzip")
    tested = subprocess.run(["unzip", "-tqq", str(path)], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr
