"""StepPattern: which number in a checkpoint's name is its step."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import NamedTuple

_WHOLE = r"\d{1,15}"  # longer ones count nothing
_ENDING = re.compile(
    r"(?:\.weights)?\.(?:keras|h5|hdf5|npz|safetensors|pt|pth|index|json|ckpt)$", re.IGNORECASE
)
# a metric in a name: 0.52, -0.52, 1e-05, nan; a sign stands behind another mark
_DECIMAL = r"(?:(?<=[^0-9A-Za-z])[-+])?(?:\d+\.\d+(?:e[-+]?\d+)?|\d+e[-+]\d+)"
_UNDEFINED = r"(?<![A-Za-z])(?:nan|inf)(?![A-Za-z])"
_NUMBERS = re.compile(rf"(?P<decimal>{_DECIMAL}|{_UNDEFINED})|(?P<whole>\d+)", re.ASCII)
_SAYS_EPOCH = re.compile(r"(?:^|[^a-z])(?:epochs?|ep)[^0-9a-z]{0,2}$", re.IGNORECASE)
_MOST_SHOWN = 3  # names or patterns in a message


class StepPatternError(ValueError):
    """A pattern that finds no step, or names that do not tell one; the message is a question."""


@dataclass(frozen=True)
class StepPattern:
    """Which number in a checkpoint's name is its step.

    Attributes:
        text: a regular expression with one group, the step's digits.

    Example:
        >>> pattern = StepPattern(r"ckpt-(\\d+)-.+\\.keras")
        >>> pattern.step("ckpt-003-0.52.keras"), pattern.step("best.keras")
        (3, None)
    """

    text: str

    def step(self, name: str) -> int | None:
        """Returns the step of a name; None if it has none."""
        match = re.search(self.text, name, re.ASCII)
        digits = match[1] if match else None
        return int(digits) if digits and re.fullmatch(_WHOLE, digits, re.ASCII) else None


def parse_step_pattern(text: str) -> StepPattern:
    """Returns the pattern that a user wrote.

    Args:
        text: a regular expression with one group, or a name as `ModelCheckpoint` takes it.

    Raises:
        StepPatternError: it is neither.

    Example:
        >>> parse_step_pattern("ckpt-{epoch:03d}-{val_loss:.2f}.keras").step("ckpt-012-0.52.keras")
        12
    """
    if "{epoch" in text:
        return StepPattern(_of_template(text))
    try:
        groups = re.compile(text, re.ASCII).groups
    except re.error as error:
        raise StepPatternError(
            f"--step-pattern {text!r} is no regular expression: {error}. Write the number of the "
            r"step as (\d+), or a name as ModelCheckpoint has it, with {epoch}."
        ) from error
    if groups != 1:
        raise StepPatternError(
            f"--step-pattern {text!r} has {groups} groups: one is needed, around the number of the "
            r"step, such as 'ckpt-(\d+)'. Others can be written as (?:...)."
        )
    return StepPattern(text)


def _of_template(template: str) -> str:
    """Returns the regular expression of a name as `ModelCheckpoint` takes it."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise StepPatternError(
            f"--step-pattern {template!r} is no name as ModelCheckpoint takes it: {error}."
        ) from error
    fields = [field for _, field, _, _ in parts if field is not None]
    if fields.count("epoch") != 1:
        raise StepPatternError(f"--step-pattern {template!r}: {{epoch}} has to come once.")
    expression = "".join(
        _escaped(text) + ("" if field is None else r"(\d+)" if field == "epoch" else ".+?")
        for text, field, _, _ in parts
    )
    return rf"(?:^|/){expression.removeprefix('./')}$"


class _Number(NamedTuple):
    """A number in a name, with the text before it."""

    before: str
    digits: str
    is_whole: bool


class _Name(NamedTuple):
    """A name, taken apart."""

    text: str
    numbers: tuple[_Number, ...]
    end: str

    @property
    def form(self) -> tuple[object, ...]:
        """What names of one run share: all but their numbers."""
        parts = tuple((number.before, number.is_whole) for number in self.numbers)
        return (*parts, self.end)


def step_pattern_of(names: Iterable[str]) -> StepPattern:
    """Returns the pattern of names, by the one whole number that differs among them.

    Names without it are left for the caller: the pattern finds no step in them.

    Raises:
        StepPatternError: no number, or more than one, may be the step.

    Example:
        >>> names = ["run2-01-0.52.keras", "run2-02-0.48.keras", "best.keras"]
        >>> pattern = step_pattern_of(names)
        >>> pattern.text
        '^run2-(\\\\d+)-.+\\\\.keras$'
        >>> [pattern.step(name) for name in names]
        [1, 2, None]
    """
    by_form: dict[tuple[object, ...], list[_Name]] = {}
    for name in map(_taken_apart, sorted(set(names))):
        by_form.setdefault(name.form, []).append(name)
    places = {form: _places(group) for form, group in by_form.items()}
    forms = [form for form, group in by_form.items() if places[form] and len(group) > 1]
    forms = forms or [form for form in by_form if places[form]]
    if not forms:
        raise StepPatternError(_no_number([name for group in by_form.values() for name in group]))
    if len(forms) > 1:
        examples = ", ".join(repr(by_form[form][0].text) for form in forms[:_MOST_SHOWN])
        raise StepPatternError(
            f"the names have more than one form, such as {examples}. Which of them are one run? "
            "Pass a pattern of these files alone, in quotes, or --step-pattern."
        )
    (form,) = forms
    names_of_run, candidates = by_form[form], places[form]
    if len(candidates) > 1:
        raise StepPatternError(_several_numbers(names_of_run, candidates))
    return StepPattern(f"^{_expression(names_of_run, candidates[0])}$")


def _taken_apart(name: str) -> _Name:
    ending = _ENDING.search(name)
    stem = name[: ending.start()] if ending else name
    numbers, start = [], 0
    for match in _NUMBERS.finditer(stem):
        whole = match["whole"] is not None
        numbers.append(_Number(stem[start : match.start()], match[0], whole))
        start = match.end()
    return _Name(name, tuple(numbers), name[start:])


def _places(names: Sequence[_Name]) -> list[int]:
    """Returns the places of the numbers that may be the step, of names of one form."""
    places = [
        place
        for place, number in enumerate(names[0].numbers)
        if number.is_whole and (len(names) == 1 or _differs(names, place))
    ]
    named = [place for place in places if _SAYS_EPOCH.search(names[0].numbers[place].before)]
    return named if len(named) == 1 else places


def _differs(names: Sequence[_Name], place: int) -> bool:
    return len({int(name.numbers[place].digits) for name in names}) > 1


def _expression(names: Sequence[_Name], step: int) -> str:
    """Returns the regular expression of names of one form, whose step is at a place."""
    parts = []
    for place, number in enumerate(names[0].numbers):
        if place == step:
            digits = r"(\d+)"
        elif not number.is_whole:
            digits = ".+"
        else:
            digits = r"\d+" if _differs(names, place) else number.digits
        parts.append(_escaped(number.before) + digits)
    return "".join(parts) + _escaped(names[0].end)


def _escaped(text: str) -> str:
    """Returns a text as a regular expression; unlike that of `re.escape`, people can read it."""
    return re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)


def _no_number(names: Sequence[_Name]) -> str:
    examples = ", ".join(repr(name.text) for name in names[:_MOST_SHOWN])
    return (
        f"no whole number tells the step of {examples}. Say --by time if the files were written "
        r"one after the other, or --step-pattern with a group, such as 'ckpt-(\d+)'."
    )


def _several_numbers(names: Sequence[_Name], places: Sequence[int]) -> str:
    last = names[-1]
    numbers = " and ".join(last.numbers[place].digits for place in places)
    patterns = " or ".join(
        f"--step-pattern '{_expression(names, place)}'" for place in places[:_MOST_SHOWN]
    )
    return (
        f"which number is the step? In {last.text!r}, {numbers} may be. Say {patterns}; or --by "
        "time if the files were written one after the other."
    )
