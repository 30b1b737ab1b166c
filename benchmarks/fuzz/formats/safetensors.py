"""Files of safetensors."""

import json
import struct
from pathlib import Path
from typing import Any

from benchmarks.fuzz.formats.contents import arrays


def safetensors_header() -> dict[str, Any]:
    """Returns the header of a `.safetensors` file with the model's arrays."""
    header, begin = {}, 0
    for name, array in arrays().items():
        offsets = [begin, begin + array.nbytes]
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": offsets}
        begin += array.nbytes
    return header


def write_safetensors(path: Path, header: Any = None, length: int | None = None) -> None:
    """Writes a `.safetensors` file.

    Args:
        path: where.
        header: as an object, text or bytes; that of `safetensors_header` if not given.
        length: what the file claims that its header has.
    """
    if header is None:
        header = safetensors_header()
    text = header if isinstance(header, str | bytes) else json.dumps(header)
    text = text.encode() if isinstance(text, str) else text
    data = b"".join(array.tobytes() for array in arrays().values())
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
