"""What a run kept for training: the folder that `--sink keep:FOLDER` fills, as it is read and handed on."""

from edge_sdk.runtime.kept.export import Exported, Form, export_kept
from edge_sdk.runtime.kept.folder import Summary, read_kept, summarize

__all__ = ["Exported", "Form", "Summary", "export_kept", "read_kept", "summarize"]
