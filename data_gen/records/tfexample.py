"""`tf.train.Example` without TensorFlow."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def _example_class() -> Any:
    """Returns the class of `tf.train.Example`, declared from its published field numbers. No package that has it
    imports in less than a second."""
    proto = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="mmgeo/example.proto", package="mmgeo", syntax="proto3")
    one, many = proto.LABEL_OPTIONAL, proto.LABEL_REPEATED

    def declare(name: str, *fields: tuple, nested: Any = None) -> Any:
        row = (file.message_type if nested is None else nested).add(name=name)
        for field_name, number, label, kind in fields:
            message = {"type": proto.TYPE_MESSAGE, "type_name": f".mmgeo.{kind}"}
            typed = message if isinstance(kind, str) else {"type": kind}
            row.field.add(name=field_name, number=number, label=label, **typed)
        return row

    declare("BytesList", ("value", 1, many, proto.TYPE_BYTES))
    declare("FloatList", ("value", 1, many, proto.TYPE_FLOAT))
    declare("Int64List", ("value", 1, many, proto.TYPE_INT64))
    lists = {"bytes_list": "BytesList", "float_list": "FloatList", "int64_list": "Int64List"}
    feature = declare("Feature", *((name, i, one, kind) for i, (name, kind) in enumerate(lists.items(), 1)))
    feature.oneof_decl.add(name="kind")
    for field in feature.field:
        field.oneof_index = 0
    features = declare("Features", ("feature", 1, many, "Features.FeatureEntry"))
    entry = declare(
        "FeatureEntry", ("key", 1, one, proto.TYPE_STRING), ("value", 2, one, "Feature"), nested=features.nested_type
    )
    entry.options.map_entry = True
    declare("Example", ("features", 1, one, "Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("mmgeo.Example"))


Example = _example_class()
