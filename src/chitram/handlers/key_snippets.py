"""What programs need to use a fresh API key: a file for ShareX, lines for a shell."""

import base64
from dataclasses import dataclass

import orjson

from chitram.handlers.present import API

_UPLOAD = f"{API}/images/upload"


@dataclass(frozen=True, slots=True)
class Snippets:
    """For the key *secret* on the site at *origin* (scheme and host). They hold the key, so they are shown with it."""

    origin: str
    secret: str

    @property
    def curl(self) -> str:
        """Upload one picture. The key goes through a pipe: everybody on the machine may see a program's arguments."""
        lines = (
            f"export CHITRAM_TOKEN={self.secret}",
            'echo "Authorization: Bearer $CHITRAM_TOKEN" |',
            f"  curl -H @- -F file=@picture.jpg '{self.origin}{_UPLOAD}'",
        )
        return "\n".join(lines)

    @property
    def sharex_filename(self) -> str:
        """ShareX is told by the ending what it is."""
        return "chitram.sxcu"

    @property
    def sharex_url(self) -> str:
        """The file itself as an address, so that it is there without a script, and without the key being sent again."""
        return "data:application/octet-stream;base64," + base64.b64encode(self.sharex()).decode()

    def sharex(self) -> bytes:
        """A custom uploader (ShareX 14 or later). Its texts in braces are taken from the answer.

        ShareX opens what it knows as the address for deleting in a browser: the picture's page, where the owner can.
        """
        uploader = {
            "Version": "14.0.0",
            "Name": f"Chitram ({self.origin.partition('://')[2]})",
            "DestinationType": "ImageUploader",
            "RequestMethod": "POST",
            "RequestURL": f"{self.origin}{_UPLOAD}",
            "Headers": {"Authorization": f"Bearer {self.secret}"},
            "Body": "MultipartFormData",
            "FileFormName": "file",
            "URL": f"{self.origin}{{json:links.direct}}",
            "ThumbnailURL": f"{self.origin}/t/{{json:short_id}}/300.jpg",
            "DeletionURL": f"{self.origin}{{json:links.page}}",
            "ErrorMessage": "{json:detail}",
        }
        return orjson.dumps(uploader, option=orjson.OPT_INDENT_2)
