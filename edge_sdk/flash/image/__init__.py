"""Images of systems: what they are, and a kit put into them, without root and without mounting."""

from edge_sdk.flash.image.customise import customise, customise_folder, customise_in_place, request_recovery
from edge_sdk.flash.image.room import require_room
from edge_sdk.flash.image.source import unpack_image
from edge_sdk.flash.image.survey import Survey, survey, survey_folder

__all__ = [
    "Survey",
    "customise",
    "customise_folder",
    "customise_in_place",
    "request_recovery",
    "require_room",
    "survey",
    "survey_folder",
    "unpack_image",
]
