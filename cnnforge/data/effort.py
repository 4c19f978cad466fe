"""What decoding an image file may cost, by its structure: small files can be made that take minutes.

All limits are of the file alone, never of time, so that an image that is read on one machine is read on all.
"""

from __future__ import annotations

import io
import re

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

_FREE_READS = 10_000
_BYTES_PER_READ = 32  # beyond; PNG and GIF writers make pieces of 255 bytes and more

_FREE_SCANS = 32  # progressive photographs have about ten
_MAX_SCANS = 500
_MAX_SCANNED_PIXELS = 1_000_000_000  # of all scans together; each goes through the whole photograph
_MAX_MARKERS = 10_000
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # neither a byte of a scan nor a restart within one
_JPEG_SOI, _JPEG_EOI, _JPEG_SOS, _JPEG_TEM = 0xD8, 0xD9, 0xDA, 0x01

_TIFF_COMPRESSION, _TIFF_STRIPS, _TIFF_TILES, _TIFF_JPEGS = 259, 273, 324, (6, 7)
_SCANS_A_STRIP = 4  # one for each colour

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS = (b"IDAT", b"fdAT", b"fcTL")
_MAX_PNG_CHUNKS = 1000  # without pixels; each may unpack a megabyte

_MAX_RLE_PIXELS = 10_000_000  # Pillow unpacks run-length BMP files in Python
_MAX_RLE_BYTES = 8 * 2**20


class UnreadableImageError(ValueError):
    """An image that cannot be used; the message is the reason, in a few words."""


class BoundedReader(io.BytesIO):
    """The bytes of a file that may be read in a bounded number of pieces.

    Pillow goes through chunks, blocks and markers in Python and asks for a few bytes of each, so this bounds all of
    its loops.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.num_left = _FREE_READS + len(content) // _BYTES_PER_READ

    def read(self, size: int | None = -1, /) -> bytes:
        self.num_left -= 1
        if self.num_left < 0:
            raise UnreadableImageError("takes too long to decode: its bytes are in too many pieces")
        return super().read(size)


def check_chunks(content: bytes) -> None:
    """Refuse a PNG file with more chunks than anybody writes, before it is opened.

    Raises:
        UnreadableImageError: There are too many.
    """
    if not content.startswith(_PNG_START):
        return
    position, num_chunks = len(_PNG_START), 0
    while position < len(content):
        num_chunks += content[position + 4 : position + 8] not in _PNG_PIXELS
        if num_chunks > _MAX_PNG_CHUNKS:
            raise UnreadableImageError(f"takes too long to decode: more than {_MAX_PNG_CHUNKS} PNG chunks")
        position += 12 + int.from_bytes(content[position : position + 4])


def check_effort(image: Image.Image, content: bytes, reader: BoundedReader) -> None:
    """Refuse an image that is opened and not decoded yet, if decoding it would take too long.

    Args:
        image: What Pillow made of the file's header.
        content: The file.
        reader: What Pillow reads it with.

    Raises:
        UnreadableImageError: It would.
    """
    num_pixels = image.width * image.height
    if isinstance(image, JpegImageFile):
        max_scans = max(_FREE_SCANS, min(_MAX_SCANS, _MAX_SCANNED_PIXELS // num_pixels))
        if content.count(b"\xff\xda") > max_scans and _has_more_scans(content, max_scans):
            raise UnreadableImageError(f"takes too long to decode: more than {max_scans} JPEG scans")
    elif isinstance(image, TiffImageFile) and image.tag_v2.get(_TIFF_COMPRESSION) in _TIFF_JPEGS:
        strips = image.tag_v2.get(_TIFF_STRIPS) or image.tag_v2.get(_TIFF_TILES) or ()
        if content.count(b"\xff\xda") > _FREE_SCANS + _SCANS_A_STRIP * len(strips):
            raise UnreadableImageError("takes too long to decode: too many JPEG scans in a TIFF file")
    elif isinstance(image, BmpImageFile) and image.tile and image.tile[0].codec_name == "bmp_rle":
        if num_pixels > _MAX_RLE_PIXELS or len(content) > _MAX_RLE_BYTES:
            raise UnreadableImageError(f"takes too long to decode: run-length BMP, {num_pixels} pixels")
        reader.num_left = 2 * len(content)  # two bytes at a time is how it is meant to be read


def _has_more_scans(content: bytes, max_scans: int) -> bool:
    """Walk along the markers of a JPEG file to the end of its first picture."""
    position, num_scans = 2, 0
    for _ in range(_MAX_MARKERS):
        found = _MARKER.search(content, position)
        if found is None or found[0][1] == _JPEG_EOI:
            return False
        position = found.end()
        if found[0][1] not in (_JPEG_SOI, _JPEG_TEM):
            position += int.from_bytes(content[position : position + 2])
        num_scans += found[0][1] == _JPEG_SOS
        if num_scans > max_scans:
            return True
    return True
