"""The lines that `mizon bench ledger` prints: the design's targets, and which floor stands beside which."""

from service.bench.samples import Bound, Line

WAYS = ("uniform", "hot")
FLOOR_CLIENTS = (1, 8, 32, 64)
SINGLE_CLIENTS = (1, 8)
# Clients of F -> callers of a lane; more clients than 64 only slow F down.
BESIDE_LANE = {1: 1, 8: 8, 32: 32, 64: 256}
BATCH_SIZES = (1_000, 8_192)
DOCUMENTED = ", a document each"
FLOOR_A = f"A({BATCH_SIZES[-1]})"
GROUPS = (
    "floors",
    "single",
    "lane",
    "batch",
    "books",
    "size",
    "prove",
    "statement",
    "sustained",
)
ONLY_WHEN_LONG = ("sustained",)

TRANSFERS = 1_000_000  # what the lines of size, prove and statement speak of


def at_least(ratio: float) -> Bound:
    """A ratio that is wanted at the least."""
    return Bound(">=", ratio)


def at_most(figure: float) -> Bound:
    """A figure that is wanted at the most."""
    return Bound("<=", figure, of_ratio=False)


def single(clients: int, way: str) -> str:
    """The name of measuring the single function."""
    return f"single function, {clients} client{'s' * (clients > 1)}, {way}"


def lane(callers: int, way: str) -> str:
    """The name of measuring a lane."""
    return f"lane, {callers} caller{'s' * (callers > 1)}, {way}"


def all_lines() -> list[Line]:
    """Every line, in the order in which it is printed."""
    compared = [
        *_single(),
        *_lane(),
        *_batches(),
        *_books(),
        *_size(),
        *_prove(),
        *_reading(),
        *_sustained(),
    ]
    return [*compared, *_floors()]


def _floors() -> list[Line]:
    return [Line("floors", f"F({clients}) {way}") for way in WAYS for clients in FLOOR_CLIENTS] + [
        Line("floors", f"A({size}) {way}") for way in WAYS for size in BATCH_SIZES
    ]


def _single() -> list[Line]:
    wanted = {"uniform": at_least(0.80), "hot": at_least(0.90)}  # T1
    return [
        Line(
            "single",
            single(clients, way),
            floor=f"F({clients}) {way}",
            target=(wanted[way],),
        )
        for way in WAYS
        for clients in SINGLE_CLIENTS
    ]


def _lane() -> list[Line]:
    """T2. A caller's answer comes with its commit, so its wait is the lane's latency."""
    wanted = {(32, "uniform"): 1.6, (32, "hot"): 12, (256, "uniform"): 2.5, (256, "hot"): 25}
    lines = []
    for way in WAYS:
        for clients, callers in BESIDE_LANE.items():
            name, ratio = lane(callers, way), wanted.get((callers, way))
            target = () if ratio is None else (at_least(ratio),)
            lines.append(Line("lane", name, floor=f"F({clients}) {way}", target=target))
            target = (at_most(4),) if callers == 32 else ()
            waits = Line("lane", f"{name}: p99", "ms", name, figure="p99", target=target)
            lines.append(waits)
    return lines


def _batches() -> list[Line]:
    lines = [
        Line(
            "batch",
            f"batches of {size}, {way}",
            floor=f"A({size}) {way}",
            target=(at_least(0.70),),  # T4
        )
        for way in WAYS
        for size in BATCH_SIZES
    ]
    documented = f"batches of {BATCH_SIZES[-1]}, uniform{DOCUMENTED}"
    return [*lines, Line("batch", documented, floor=f"{FLOOR_A} uniform")]


def _books() -> list[Line]:
    one, two = "one book, one connection", "two books, two connections"
    return [Line("books", one), Line("books", two, floor=one, target=(at_least(1.7),))]  # T5


def _size() -> list[Line]:
    """T10; the floors' own bytes beside ours, though their rows promise less."""
    return [
        Line(
            "size",
            name,
            "bytes",
            figure="bytes",
            floor=f"{FLOOR_A} {name}",
            compared="bytes",
            target=target,
        )
        for name, target in (
            ("WAL per transfer", (at_most(650),)),
            ("WAL per transfer, without full pages", ()),
            ("disk per transfer", (at_most(350),)),
        )
    ]


def _prove() -> list[Line]:
    """T7: seconds on the design's machine; elsewhere the same as transfers a second against its F(8)."""
    design_floor = 11_546
    return [
        Line(
            "prove",
            f"proof of a million transfers, {rule}",
            "s",
            figure="seconds",
            floor="F(8) uniform",
            target=(at_most(seconds), at_least(round(TRANSFERS / seconds / design_floor))),
        )
        for rule, seconds in (("balances", 0.4), ("running", 2.5))
    ]


def _reading() -> list[Line]:
    """T8, in the database: planning and execution."""
    return [
        Line(
            "statement",
            f"{read}, account of a million legs",
            "ms",
            figure="milliseconds",
            target=(at_most(milliseconds),),
        )
        for read, milliseconds in (("balance", 1), ("statement page", 1))
    ]


def _sustained() -> list[Line]:
    """T4 over five million rows: half a million a line, and all of them."""
    names = [f"sustained, to {half / 2} M rows" for half in range(1, 11)]
    return [
        *(Line("sustained", name, floor=f"{FLOOR_A} {name}") for name in names),
        Line("sustained", "sustained", floor=f"{FLOOR_A} sustained", target=(at_least(0.5),)),
    ]
