from scripts.benchmarks.mail_page import page
from scripts.benchmarks.mail_queues import WAYS

FIGURES = {
    "machine": "x86_64, 2 cores",
    "speed": {way: {"rows_hz": 20_000.0 if way == "outbox" else 500.0, "least_hz": 400.0} for way in WAYS},
    "kills": {
        "confirmed": 100_000,
        "stored": 100_020,
        "lost": 0,
        "duplicated": 0,
        "missing": 0,
        "kills": {"mail": 30, "broker": 28},
        "seconds": 100.4,
    },
    "line": {"rows": 6000, "seconds": 23.04, "of_line": 0.975, "line_kB_per_s": 79.3},
    "week": [
        {"day": 0, "resident_bytes": 24_000_000, "disk_bytes": 1_000_000, "rows": 0, "dropped": 0},
        {"day": 1, "resident_bytes": 34_000_000, "disk_bytes": 60_000_000, "rows": 80_000, "dropped": 6400},
    ],
}


def test_the_page_tells_speeds_kills_and_days():
    text = page(FIGURES)
    assert "| persist-queue 1.1.0, FIFOSQLiteQueue | 500 | 2.5% |" in text
    assert "in 100 s:\nbroker 28 times, mail 30 times." in text
    assert "| lost | 0 |" in text
    assert "23.0 s, the start of both ends\nincluded. That is 98% of the 79 kB/s" in text
    assert "86,400 results a day" in text
    assert "| 1 | 34.0 | 60.0 | 80,000 | 6,400 |" in text
