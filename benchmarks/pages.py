"""Results in, a part of a page out; the other parts stay as they are."""

import re
from pathlib import Path


def write_part(page: Path, text: str) -> None:
    """Puts `text`, which begins with a heading `# ...`, in the place of the part so headed."""
    old = page.read_text() if page.exists() else ""
    parts = [part for part in re.split(r"^(?=# )", old, flags=re.MULTILINE) if part.strip()]
    title = text.splitlines()[0]
    others = [part.splitlines()[0] for part in parts]
    place = others.index(title) if title in others else len(parts)
    parts[place : place + 1] = [text]
    page.write_text("\n\n".join(part.strip() for part in parts) + "\n")
