"""The content of a file that may be compressed, as a stream: memory stays flat whatever it inflates to."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow

BLOCK = 65_536
# What inflates to more than this, and so many times its size, is no data: rows compress ten or a hundred times.
SUSPICIOUS_BYTES, SUSPICIOUS_RATIO = 200_000_000, 1_000
# What xz may ask for; its own strongest preset needs 65 MB, a file can ask for 4 GB.
XZ_MEMORY = 128 * 1024 * 1024


class DamagedFile(ValueError):
    """From here on the content cannot be read; the message says why."""


class _Stream(Protocol):
    def read1(self, size: int, /) -> bytes: ...


class _XZ:
    """An .xz file of one or several streams; unlike lzma.LZMAFile it bounds the memory that they ask for."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._stream: lzma.LZMADecompressor | None = None

    def read1(self, size: int, /) -> bytes:
        part = b""
        while not part:
            if self._stream is None or self._stream.eof:
                block = self._next_beginning()
                if not block:
                    return b""
                self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
            else:
                block = self._packed.read(BLOCK) if self._stream.needs_input else b""
                if not block and self._stream.needs_input:
                    raise EOFError("the file ends within a stream")
            part = self._stream.decompress(block, size)
        return part

    def _next_beginning(self) -> bytes:
        block = self._stream.unused_data if self._stream is not None else b""
        while not (block := block.lstrip(b"\x00")):  # streams may be padded
            if not (block := self._packed.read(BLOCK)):
                return b""
        return block


_INFLATE: dict[str, Callable[[BinaryIO], _Stream]] = {
    ".gz": lambda packed: gzip.GzipFile(fileobj=packed),
    ".bz2": bz2.BZ2File,
    ".xz": _XZ,
    ".zst": lambda packed: pyarrow.CompressedInputStream(packed, "zstd"),
}
COMPRESSIONS = frozenset(_INFLATE)


class _Content(io.RawIOBase):
    def __init__(self, packed: BinaryIO, compression: str, advance: Callable[[int], Any]) -> None:
        self._packed = packed
        self._stream: _Stream = _INFLATE[compression](packed) if compression else packed  # type: ignore[assignment]
        self._advance = advance
        self._inflated = self._told = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            part = self._stream.read1(len(buffer))
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise DamagedFile(f"{error}") from error
        buffer[: len(part)] = part
        self._inflated += len(part)
        place = self._packed.tell()
        self._advance(place - self._told)
        self._told = place
        check_inflation(packed=place, inflated=self._inflated)
        return len(part)


def check_inflation(*, packed: int, inflated: int) -> None:
    """Raise DamagedFile where so many bytes can hardly have become so many."""
    if inflated > max(SUSPICIOUS_BYTES, SUSPICIOUS_RATIO * packed):
        raise DamagedFile(
            f"it inflates to more than {SUSPICIOUS_RATIO:,} times its size, which data hardly do; "
            "if these are data all the same, write them without compression"
        )


@contextmanager
def open_content(path: Path, *, compression: str, advance: Callable[[int], Any]) -> Iterator[BinaryIO]:
    """The content, inflated if `compression` is one of COMPRESSIONS rather than empty; reading raises DamagedFile.

    `advance` is told how many bytes of the file were read since the last time. Raises OSError.
    """
    with path.open("rb") as packed:
        yield io.BufferedReader(_Content(packed, compression, advance), BLOCK)
