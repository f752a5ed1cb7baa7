import json
import sqlite3
import subprocess
import sys

from tests.mosquitto import Mosquitto

PARTIES = (sys.executable, "-m", "scripts.benchmarks.ingest_parties")


def test_what_boards_were_told_is_on_the_disk_of_an_ingest_that_is_killed(tmp_path):
    with Mosquitto(tmp_path) as broker:
        ingest = subprocess.Popen([*PARTIES, "ours", str(broker.port), str(tmp_path / "fleet.db")])
        try:
            words = [*PARTIES, "boards", str(broker.port), "20", "10", "2"]
            said = json.loads(subprocess.check_output(words, text=True, timeout=60))
        finally:
            ingest.kill()
            ingest.wait()
    database = sqlite3.connect(tmp_path / "fleet.db")
    (stored, numbers) = database.execute("SELECT count(*), count(DISTINCT line * 1000000 + seq) FROM row").fetchone()
    assert stored == numbers >= said["rows"] > 0
    assert database.execute("SELECT sum(next_seq), sum(missing) FROM line").fetchone() == (stored, 0)
