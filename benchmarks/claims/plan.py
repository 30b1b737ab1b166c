"""Which networks are trained for the claims, and in which order."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

WINDOWS = {
    "digits": (3, 5),
    "mnist": (3, 5, 7, 11),
    "cifar10": (3, 5, 7, 11),
    "photographs": (3, 5, 7, 11),
}
RATE = 2e-3  # of Adam, where the rate is not the question
LAYERS = 60  # that are made up for each number of slices
SLICES = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_ITEMS = {"digits": (1_300, 497), "mnist": (4_000, 1_000), "cifar10": (4_000, 1_000)}
_FEW_ITEMS, _PHOTOGRAPHS, _SMALL = 200, (3_000, 600), (2_000, 500)
_LARGER = ("mnist", "cifar10", "photographs")  # data sets with images larger than 8x8
_RATES = {
    "adam": (1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
    "sgd": (1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0),
}
_SEEDS = 10
_LATER = {"regularised": 2, "rates": 6, "saturation": 6}  # rounds from one seed to the next


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes:
        study: which question it is made for; other claims use it too.
        data: name of the data set, as `benchmarks.faults.data.load` takes it.
        window: height and width of the first layer's window; 0 for Dense layers only.
        seed: decides the items, the first weights and the order of batches.
        items: items to train on, and to validate on.
        epochs: how often all of them are used.
        distinct: how many items differ, each repeated to fill up `items`; None for all.
        random_labels: whether the labels of the training items are drawn by lot.
        optimizer: `"adam"` or `"sgd"`, which has a momentum of 0.9.
        rate: the learning rate.
        batchnorm: whether BatchNormalization stands behind each convolution.
        activation: of the convolutions and the hidden layer.
        l2: the L2 penalty of the convolutions and the hidden layer.
        dropout: the share that is dropped behind the first and the hidden layer.
        decay: weight decay of Adam (AdamW).
        scale: what the standardised inputs are multiplied by.
    """

    study: str
    data: str
    window: int
    seed: int
    items: tuple[int, int]
    epochs: int = 12
    distinct: int | None = None
    random_labels: bool = False
    optimizer: str = "adam"
    rate: float = RATE
    batchnorm: bool = False
    activation: str = "relu"
    l2: float = 0.0
    dropout: float = 0.0
    decay: float = 0.0
    scale: float = 1.0

    @property
    def name(self) -> str:
        """The name, also of the record: the study and what differs from its other trainings."""
        parts = [self.study, self.data, f"w{self.window}"]
        parts += [f"{self.optimizer}{self.rate:g}"] if self.study in ("rates", "low") else []
        parts += ["bn"] if self.batchnorm else []
        parts += ["random"] if self.random_labels else []
        for short, value in (("l2_", self.l2), ("drop_", self.dropout), ("decay_", self.decay)):
            parts += [f"{short}{value:g}"] if value else []
        if self.study == "saturation":
            parts += [self.activation, f"x{self.scale:g}", f"{self.rate:g}"]
        return "-".join([*parts, str(self.seed)])

    @property
    def number(self) -> int:
        """The seed of everything random; trainings to compare with each other share it."""
        return zlib.crc32(f"{self.data}-{self.window}-{self.seed}".encode())


@dataclass(frozen=True)
class Simulation:
    """Layers of edges and noise that are made up, to see how many slices a verdict takes.

    Attributes:
        window: height and width.
        share: of the weights' energy that belongs to edges; the rest is noise.
    """

    window: int
    share: float

    @property
    def name(self) -> str:
        """The name, also of the record."""
        return f"power-w{self.window}-{self.share:g}"


def all_tasks(data: Iterable[str]) -> list[Training | Simulation]:
    """Returns everything to do with these data sets, in rounds: the first seed of all first.

    The trainings of a round are mixed, so each claim has something to show, however early the work
    is broken off. Later seeds of a study that compares many settings wait for a later round.
    """
    names = set(data)
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    trainings = [
        each
        for study in (_windows, _few, _dense, _regularised, _low, _rates, _saturation)
        for seed in range(_SEEDS)
        for each in study(seed)
        if each.data in names
    ]
    trainings.sort(key=lambda each: (_round(each), zlib.crc32(each.name.encode())))
    return [*(Simulation(k, s) for k in (3, 5, 7, 11) for s in shares), *trainings]


def _round(training: Training) -> int:
    return training.seed * _LATER.get(training.study, 1)


def _items(data: str) -> tuple[int, int]:
    return _ITEMS.get(data, _PHOTOGRAPHS)


def _windows(seed: int) -> Iterator[Training]:
    """Networks that learn well, without any regularisation: each window on each data set."""
    for data, windows in WINDOWS.items():
        for window in windows:
            yield Training("windows", data, window, seed, _items(data))


def _few(seed: int) -> Iterator[Training]:
    """The same, on a few items that they learn by heart: with their labels, and with random ones.

    The items are repeated, so that the networks make as many updates as those that learn well.
    """
    if seed >= 5:
        return
    for data in WINDOWS:
        few = Training("few", data, 5, seed, _items(data), distinct=_FEW_ITEMS)
        yield few
        yield replace(few, random_labels=True)


def _dense(seed: int) -> Iterator[Training]:
    """Dense layers only: 784-100-10 for MNIST, with and without regularisation, and 64-100-10."""
    mnist = Training("dense", "mnist", 0, seed, _items("mnist"))
    yield mnist
    yield replace(mnist, data="digits", items=_items("digits"))
    if seed < 4:
        for l2 in (1e-4, 1e-3, 1e-2):
            yield replace(mnist, l2=l2)
        yield replace(mnist, dropout=0.5)


def _regularised(seed: int) -> Iterator[Training]:
    """L2, dropout and weight decay of several strengths; without any, it is in `_windows`."""
    if seed >= 4:
        return
    for data in _LARGER:
        base = Training("regularised", data, 5, seed, _items(data))
        for l2 in (1e-4, 1e-3, 1e-2):
            yield replace(base, l2=l2)
        for dropout in (0.2, 0.5):
            yield replace(base, dropout=dropout)
        for decay in (0.01, 0.1, 1.0):
            yield replace(base, decay=decay)


def _low(seed: int) -> Iterator[Training]:
    """Too little training: rates ten and a hundred times lower, and fewer epochs."""
    if seed >= 3:
        return
    for data, windows in WINDOWS.items():
        for window in windows:
            base = Training("low", data, window, seed, _items(data), epochs=6)
            yield replace(base, rate=RATE / 10)
            yield replace(base, rate=RATE / 100)


def _rates(seed: int) -> Iterator[Training]:
    """Learning rates from far too low to far too high."""
    if seed >= 2:
        return
    for data in _LARGER:
        for optimizer, rates in _RATES.items():
            for batchnorm in (False, True):
                base = Training("rates", data, 5, seed, _SMALL, epochs=8, batchnorm=batchnorm)
                for rate in rates:
                    yield replace(base, optimizer=optimizer, rate=rate)


def _saturation(seed: int) -> Iterator[Training]:
    """Bounded activations, with inputs and rates that drive them to the ends of their range."""
    if seed >= 2:
        return
    for data in ("mnist", "photographs"):
        for activation in ("tanh", "sigmoid"):
            base = Training("saturation", data, 5, seed, _SMALL, epochs=6, activation=activation)
            for scale in (1.0, 10.0, 100.0):
                for rate in (1e-3, 1e-2, 1e-1):
                    yield replace(base, scale=scale, rate=rate)
