"""The texts on which an export is compared with its checkpoint."""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from qrmiddleware.errors import ConfigError

Probe = tuple[str, str]
"""A query, and a text to score for it or a wording to generate from it."""

LEAST: Final = 50
"""Fewer probes than this say too little."""

_QUERIES: Final = (
    "red running shoes",
    "laptop 14 inch 16gb ram",
    "usb-c hub",
    "wireless headphones noise cancelling",
    "tn-2110 toner",
    "iphone 15 case",
    "kids bike 20 inch",
    "coffee machine with grinder",
    "garden hoze",
    "4k monitor under 300",
    "waschmaschine 8 kg leise",
    "kabelloser staubsauger",
    "akkuschrauber 18v mit koffer",
    "chaussures de randonnée femme",
    "aspirateur sans sac",
    "zapatillas blancas hombre",
    "silla de oficina ergonómica",
    "stampante multifunzione a colori",
    "zaino impermeabile",
    "rower miejski damski",
    "беспроводная мышь",
    "ワイヤレス イヤホン",
    "儿童书包",
    "ماكينة قهوة",
    "ssd 1 tb nvme",
    "hdmi cable 2m",
    "dog food grain free",
    "yoga mat",
)
_TEXTS: Final = (
    "Men's lightweight running shoe, red/black, size 43",
    'Ultrabook 14" IPS, 16 GB RAM, 512 GB SSD, silver',
    "7-in-1 USB-C hub with HDMI 4K, Ethernet and card reader",
    "Over-ear Bluetooth headphones with active noise cancelling, 40 h",
    "Toner cartridge for laser printer HL-2140, black, 1,500 pages",
    'Silicone case for smartphone 6.1", midnight blue',
    "Children's bicycle 20 inch, 6 gears, with mudguards",
    "Automatic espresso machine with ceramic grinder and milk frother",
    "Garden hose 25 m, 1/2 inch, UV resistant, with fittings",
    "27-inch 4K UHD monitor, IPS, 60 Hz, height adjustable",
    "Waschmaschine Frontlader 8 kg, 1400 U/min, 72 dB",
    "Akku-Staubsauger mit zwei Bürsten und Wandhalterung",
    "Akku-Bohrschrauber 18 V, 2 x 2,0 Ah, im Koffer",
    "Chaussures de randonnée imperméables pour femme, pointure 38",
    "Aspirateur traîneau sans sac 750 W, filtre HEPA",
    "Zapatillas deportivas de cuero blanco para hombre",
    "Silla ergonómica con soporte lumbar y reposabrazos 3D",
    "Stampante multifunzione inkjet a colori, A4, Wi-Fi, fronte-retro",
    "Zaino da trekking 40 l, impermeabile, verde",
    "Rower miejski damski 28 cali, 7 biegów, kremowy",
    "Мышь беспроводная оптическая, 1600 dpi, чёрная",
    "完全ワイヤレスイヤホン ノイズキャンセリング 防水 IPX5",
    "小学生书包 大容量 护脊 蓝色",
    "ماكينة اسبريسو أوتوماتيكية 15 بار، فضي",
    "NVMe M.2 solid state drive 1 TB, 7,000 MB/s read",
    "High-speed HDMI 2.1 cable, 2 m, braided 🎧📺",
    "Grain-free dry dog food, salmon and potato, 12 kg",
    "Non-slip yoga mat, TPE, 6 mm, purple",
)
_SHIFTS: Final = (0, 1, 5)


def default_probes() -> tuple[Probe, ...]:
    """Return queries in ten languages, each with its product and two others."""
    return tuple(
        (query, _TEXTS[(place + shift) % len(_TEXTS)])
        for shift in _SHIFTS
        for place, query in enumerate(_QUERIES)
    )


def read_probes(path: Path) -> tuple[Probe, ...]:
    """Read a file with a query a line, and after a tab a text, if there is one.

    Lines without a text get those of other lines, or other queries where no line has one.

    Raises:
        ConfigError: If the file cannot be read, or has fewer than `LEAST` lines.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read as probes: {error}"
        raise ConfigError(message) from error
    probes = list(_parsed(lines))
    if len(probes) < LEAST:
        message = (
            f"{path} holds {len(probes)} probes: at least {LEAST} are needed, a line each "
            "(query, or query TAB text)"
        )
        raise ConfigError(message)
    texts = [text for _, text in probes if text] or [query for query, _ in probes]
    others = islice(cycle(texts), 1, None)
    return tuple((query, text or next(others)) for query, text in probes)


def texts_of(probes: Sequence[Probe]) -> tuple[str, ...]:
    """Return every query and text once, in the order in which they come."""
    return tuple(dict.fromkeys(text for probe in probes for text in probe))


def _parsed(lines: Sequence[str]) -> Iterator[Probe]:
    for line in lines:
        query, _, text = line.strip().partition("\t")
        if query:
            yield query.strip(), text.strip()
