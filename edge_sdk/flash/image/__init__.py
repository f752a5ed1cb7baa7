"""Images of systems: what they are, and a kit put into them, without root and without mounting."""

from edge_sdk.flash.image.customise import customise, customise_folder, customise_in_place
from edge_sdk.flash.image.source import unpack_image
from edge_sdk.flash.image.survey import Survey, survey

__all__ = ["Survey", "customise", "customise_folder", "customise_in_place", "survey", "unpack_image"]
