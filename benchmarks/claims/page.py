"""Writes the figures, charts and pictures of all claims into the page."""

import re
from pathlib import Path

from PIL import Image

from benchmarks.claims import charts
from benchmarks.claims.claims import CLAIMS, Claim
from benchmarks.claims.pictures import pictures_of
from benchmarks.claims.reading import Records, grouped
from benchmarks.claims.result import Result, table

_PERCENT = re.compile(r"(\d)%")


def write_page(results: Path, docs: Path) -> None:
    """Measures every claim from the records, and fills the marked parts of `claims.md`.

    A part is what stands between `<!-- claims: NAME -->` and `<!-- end of claims: NAME -->`; the
    text around the parts stays as it is.

    Args:
        results: the folder of the records.
        docs: the folder of `claims.md`; charts and pictures go to its folder `images`.

    Raises:
        ValueError: there are no records, or the page lacks the marks of a part.
    """
    records = Records(results)
    if not records.trained:
        raise ValueError(f"no records in {results}: run `python -m benchmarks.claims train` first.")
    images = docs / "images"
    images.mkdir(parents=True, exist_ok=True)
    pictures = pictures_of(records)
    parts = {"trainings": trainings(records)}
    rows = []
    for claim in CLAIMS:
        result = claim.measure(records)
        charts.save(result.chart, images / f"claim-{claim.key}-chart.png")
        if claim.key in pictures:
            _save(pictures[claim.key], images / f"claim-{claim.key}.png")
        parts[claim.key] = section(claim, result, claim.key in pictures)
        link = f"[{claim.text}](#{_anchor(claim.text)})"
        rows.append([link, claim.source, result.measured, f"**{result.verdict}**"])
        print(f"{claim.key}: {result.verdict}", flush=True)
    parts["table"] = table(("claim", "who says so", "measured", "verdict"), rows)
    parts = {name: _PERCENT.sub(r"\1 %", text) for name, text in parts.items()}
    page = docs / "claims.md"
    page.write_text(filled(page.read_text(encoding="utf-8"), parts), encoding="utf-8")


def filled(page: str, parts: dict[str, str]) -> str:
    """Returns the text of a page with its marked parts replaced.

    Example:
        >>> filled("<!-- claims: a -->\\nold\\n<!-- end of claims: a -->\\n", {"a": "new"})
        '<!-- claims: a -->\\nnew\\n<!-- end of claims: a -->\\n'
    """
    for name, text in parts.items():
        begin, end = f"<!-- claims: {name} -->", f"<!-- end of claims: {name} -->"
        pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"the page lacks the lines {begin!r} and {end!r}: add them.")
        whole = f"{begin}\n{text}\n{end}"
        page = pattern.sub(lambda _, whole=whole: whole, page)
    return page


def trainings(records: Records) -> str:
    """Returns how many trainings there were, of what, and how long they took."""
    everything = [*(each.record for each in records.trained), *records.simulations]
    minutes = sum(each["seconds"] for each in everything) / 60
    by_data = grouped(records.trained, lambda each: each.data)
    rows = [
        [data, len(group), f"{records.references[data]:.1%}"] for data, group in by_data.items()
    ]
    counted = table(("data", "trainings", "usual accuracy"), rows)
    return (
        f"{len(records.trained)} trainings and {len(records.simulations)} simulations; "
        f"{minutes:.0f} minutes of processor time.\n\n{counted}"
    )


def section(claim: Claim, result: Result, has_picture: bool) -> str:
    """Returns the figures of a claim, its chart and its picture."""
    parts = table(
        ("measured", "value (95 % interval)", "the claim needs", "so"),
        (part.row for part in result.parts),
    )
    lines = [
        f"**Verdict: {result.verdict}.** {result.measured}",
        f"![Chart: {claim.text}](images/claim-{claim.key}-chart.png)",
    ]
    if has_picture:
        lines.append(f"![Filters: {claim.text}](images/claim-{claim.key}.png)")
    details = "\n\n".join([parts, *result.tables])
    lines.append(f"<details><summary>All figures</summary>\n\n{details}\n\n</details>")
    return "\n\n".join(lines)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _save(picture: Image.Image, path: Path) -> None:
    """Writes a picture, with a palette where that loses nothing."""
    if picture.getcolors(256):
        picture = picture.quantize(256, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)
