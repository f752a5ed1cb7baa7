"""Adds metadata to a TFLite file as TensorFlow's writers do; fields have the numbers of metadata_schema.fbs."""

from __future__ import annotations

import io
import zipfile

_IMAGE, _NORMALIZATION, _GRAYSCALE, _AXIS_LABELS = 2, 1, 2, 2


def with_metadata(content, *, mean, std, labels):
    """Return a TFLite file whose input is a grey picture that is normalized, and whose output has labels."""
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(_metadata(mean, std))
    model.buffers.append(buffer)
    entry.name, entry.buffer = b"TFLITE_METADATA", len(model.buffers) - 1
    model.metadata = [*(model.metadata or ()), entry]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    file = io.BytesIO(bytes(builder.Output()))
    with zipfile.ZipFile(file, "a") as files:
        files.writestr("labels.txt", "\n".join(labels))
    return file.getvalue()


def _metadata(mean, std):
    import flatbuffers

    build = flatbuffers.Builder(0)
    normalization = _table(build, {0: _floats(build, [mean]), 1: _floats(build, [std])})
    unit = _table(build, {1: normalization}, {0: _NORMALIZATION})
    content = _table(build, {1: _table(build, {}, {0: _GRAYSCALE})}, {0: _IMAGE})
    picture = _table(build, {3: content, 4: _tables(build, [unit])})
    file = _table(build, {0: build.CreateString("labels.txt")}, {2: _AXIS_LABELS})
    scores = _table(build, {6: _tables(build, [file])})
    subgraph = _table(build, {2: _tables(build, [picture]), 3: _tables(build, [scores])})
    build.Finish(_table(build, {3: _tables(build, [subgraph])}), b"M001")
    return bytes(build.Output())


def _table(build, parts, small=()):
    """Write a table: offsets of other parts, and numbers of one byte, by the numbers of the fields."""
    build.StartObject(7)
    for field, offset in parts.items():
        build.PrependUOffsetTRelativeSlot(field, offset, 0)
    for field, number in dict(small).items():
        build.PrependUint8Slot(field, number, 0)
    return build.EndObject()


def _floats(build, values):
    build.StartVector(4, len(values), 4)
    for value in reversed(values):
        build.PrependFloat32(value)
    return build.EndVector()


def _tables(build, offsets):
    build.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        build.PrependUOffsetTRelative(offset)
    return build.EndVector()
