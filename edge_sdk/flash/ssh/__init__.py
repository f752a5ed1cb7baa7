"""Boards that run, over the system's own ssh."""

from edge_sdk.flash.ssh.address import Address
from edge_sdk.flash.ssh.connection import Connection
from edge_sdk.flash.ssh.fitness import notes, require_able, require_fit, system_of
from edge_sdk.flash.ssh.probe import Probe, probe
from edge_sdk.flash.ssh.provision import Outcome, provision, provision_board, recover

__all__ = [
    "Address",
    "Connection",
    "Outcome",
    "Probe",
    "notes",
    "probe",
    "provision",
    "provision_board",
    "recover",
    "require_able",
    "require_fit",
    "system_of",
]
