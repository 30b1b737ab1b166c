"""Clock: counts epochs and batches over all fits, and says when a snapshot is due."""

from dataclasses import dataclass


@dataclass
class Clock:
    """Counts epochs and batches as Keras's hooks report them.

    Attributes:
        batches_between: batches between two snapshots; 0 for snapshots at the ends of epochs only.
        epochs: epochs completed, over all fits.
        batches: batches completed, over all fits.
        last_epoch: what `epochs` will be at the end of the fit; None if it is not known.

    Example:
        >>> clock = Clock(batches_between=2)
        >>> clock.fit_begins(epoch=0, batches_per_epoch=4, is_first=True)
        >>> clock.batch_ends(0), clock.batch_ends(1)
        (False, True)
        >>> clock.snapshot_taken()
        >>> clock.batch_ends(2)
        False
    """

    batches_between: int = 0
    epochs: int = 0
    batches: int = 0
    last_epoch: int | None = None
    _epochs_before_fit: int = 0
    _batches_before_epoch: int = 0
    _last_snapshot: int = 0
    _batches_per_epoch: int | None = None

    @property
    def step(self) -> int:
        """The step of a snapshot now: `batches` if `batches_between` is above 0, else `epochs`."""
        return self.batches if self.batches_between else self.epochs

    @property
    def unit(self) -> str:
        """What the steps count: `"epoch"`, or `"step"` where they count batches."""
        return "step" if self.batches_between else "epoch"

    def fit_begins(
        self, epoch: int, batches_per_epoch: int | None, is_first: bool, last: int | None = None
    ) -> None:
        """Starts a fit at Keras's `epoch`.

        Args:
            epoch: `fit`'s initial_epoch.
            batches_per_epoch: None if it is not known.
            is_first: False if an earlier fit was watched; the counts then go on from there.
            last: `fit`'s argument `epochs`, the epoch at which it ends; None if it is not known.
        """
        if is_first:
            self.epochs, self.batches = epoch, epoch * (batches_per_epoch or 0)
        self._epochs_before_fit = self.epochs - epoch
        self.last_epoch = None if last is None else self._epochs_before_fit + last

    def epoch_begins(self, batches_per_epoch: int | None) -> None:
        """Remembers how many batches came before the epoch."""
        self._batches_per_epoch = batches_per_epoch
        self._batches_before_epoch = self.batches

    def batch_ends(self, batch: int) -> bool:
        """Counts Keras's `batch` and returns True if a snapshot is due before the epoch ends."""
        known = self._batches_per_epoch
        done = batch + 1
        # with steps_per_execution, the last of several batches may be beyond the epoch's end
        self.batches = self._batches_before_epoch + (min(done, known) if known else done)
        epoch_ends = known is not None and done >= known
        due = self.batches - self._last_snapshot >= self.batches_between
        return bool(self.batches_between) and due and not epoch_ends

    def epoch_ends(self, epoch: int) -> None:
        """Counts Keras's `epoch`."""
        self.epochs = self._epochs_before_fit + epoch + 1

    def resume(self, step: int, epochs: int, batches: int) -> None:
        """Sets the counts to those of the last step of a run that is continued."""
        self.epochs, self.batches, self._last_snapshot = epochs, batches, step

    def snapshot_taken(self) -> None:
        """Remembers when the last snapshot was taken."""
        self._last_snapshot = self.step
