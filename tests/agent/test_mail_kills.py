"""Producer, mail, broker and ingest are killed at random; the whole form is `scripts/bench mail`."""

from scripts.benchmarks.mail_parties import Laboratory
from tests.mosquitto import Mosquitto


def test_nothing_is_lost_or_kept_twice_whoever_is_killed(tmp_path):
    mosquitto = Mosquitto(tmp_path)
    command = [mosquitto.program, "-c", str(mosquitto._config)]
    laboratory = Laboratory(tmp_path, broker=command, port=mosquitto.port, rate_hz=2000)
    outcome = laboratory.run(4000, every_s=(0.2, 0.6), seed=7)
    assert (outcome.lost, outcome.duplicated, outcome.missing) == (0, 0, 0)
    assert outcome.stored >= outcome.confirmed >= 4000
    assert sum(outcome.kills.values()) >= 3
