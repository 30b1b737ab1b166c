"""Documents as a report holds them: each as base64 of gzip, together within a number of bytes."""

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keras_filterwatch.view.documents import as_json


@dataclass
class PackedDocuments:
    """Documents by key, and the room that is left for more.

    Attributes:
        room: how many bytes of JSON further documents may take, their keys included.
        documents: key -> packed document.

    Example:
        >>> documents = PackedDocuments(room=20)
        >>> documents.add({"run": "abcd"}), documents.add({"run": "abcdefgh"}), documents.room
        (True, False, 7)
    """

    room: int
    documents: dict[str, str] = field(default_factory=dict)

    def add(self, documents: Mapping[str, str], room: float | None = None) -> bool:
        """Adds documents if all of them fit; returns whether they do.

        Args:
            documents: key -> packed document.
            room: how many bytes these may take; None for all that is left.
        """
        size = packed_size(documents)
        if size > self.room or (room is not None and size > room):
            return False
        self.room -= size
        self.documents |= documents
        return True


def packed_size(documents: Mapping[str, str]) -> int:
    """Returns how many bytes of JSON documents take, with their keys.

    Example:
        >>> packed_size({"run": "abcd"})  # "run":"abcd",
        13
    """
    return sum(len(as_json(key)) + len(text) + 4 for key, text in documents.items())


def packed(content: Any) -> str:
    """Returns a document as base64 of gzip of its JSON.

    Example:
        >>> gzip.decompress(base64.b64decode(packed({"values": [1.5]})))
        b'{"values":[1.5]}'
    """
    # without a time in it, the same run gives the same file
    return base64.b64encode(gzip.compress(as_json(content), 9, mtime=0)).decode()
