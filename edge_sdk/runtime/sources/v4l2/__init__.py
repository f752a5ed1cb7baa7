"""Cameras through Video4Linux's own calls: what OpenCV hides (lost frames, broken frames, what was stamped) is told."""
