"""A client of onetaked in another language: all it knows comes from gRPC reflection."""

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_REFLECTION = "grpc.reflection.v1alpha.ServerReflection"


def _reflection_pool():
    """The reflection service's own messages, as its published proto has them."""
    file = descriptor_pb2.FileDescriptorProto(
        name="reflection.proto", package="grpc.reflection.v1alpha", syntax="proto3"
    )
    string, binary, message = 9, 12, 11

    def add(name, *fields):
        entry = file.message_type.add(name=name)
        for number, label, kind, field, type_name in fields:
            entry.field.add(
                name=field, number=number, label=label, type=kind, type_name=type_name
            )

    add(
        "ServerReflectionRequest",
        (4, 1, string, "file_containing_symbol", None),
        (7, 1, string, "list_services", None),
    )
    add("FileDescriptorResponse", (1, 3, binary, "file_descriptor_proto", None))
    add("ServiceResponse", (1, 1, string, "name", None))
    add(
        "ListServiceResponse",
        (1, 3, message, "service", ".grpc.reflection.v1alpha.ServiceResponse"),
    )
    add(
        "ServerReflectionResponse",
        (4, 1, message, "file_descriptor_response",
         ".grpc.reflection.v1alpha.FileDescriptorResponse"),
        (6, 1, message, "list_services_response",
         ".grpc.reflection.v1alpha.ListServiceResponse"),
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


class Schema:
    """The messages and methods of a server, as its reflection describes them."""

    def __init__(self):
        self.pool = descriptor_pool.DescriptorPool()
        self.factory = message_factory.MessageFactory(self.pool)
        self._known = set()
        self.services = []

    def add(self, files):
        pending = {file.name: file for file in files if file.name not in self._known}
        # A file may only be added after those it imports.
        while pending:
            ready = [file for file in pending.values()
                     if not any(name in pending for name in file.dependency)]
            for file in ready:
                self.pool.Add(file)
                self._known.add(file.name)
                del pending[file.name]


class Api:
    """Stubs made from what the server says about itself. Retries of the channel are off.

    With the `schema` of another Api it asks nothing: for many connections to one server, and for a
    server that was started again.
    """

    def __init__(self, address, schema=None, token=None, tls=None):
        """`tls`: what grpc.ssl_channel_credentials takes, for a server called localhost."""
        options = [
            ("grpc.enable_retries", 0),
            ("grpc.enable_http_proxy", 0),
            # Without it the channels of one test share one connection and its 100 streams.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        if tls is None:
            self.channel = grpc.insecure_channel(address, options=options)
        else:
            self.channel = grpc.secure_channel(
                address, grpc.ssl_channel_credentials(**tls),
                options=options + [("grpc.ssl_target_name_override", "localhost")])
        self.metadata = [("authorization", f"Bearer {token}")] if token else []
        self._own = _reflection_pool()
        self.schema = schema or self._ask_schema()
        self._pool = self.schema.pool
        self._factory = self.schema.factory
        self.services = self.schema.services

    def close(self):
        self.channel.close()

    def message(self, name):
        return self._factory.GetPrototype(self._pool.FindMessageTypeByName(name))

    def enum(self, name, value):
        """DISPOSITION_DONE of onetake.v1.Disposition as "DONE"."""
        descriptor = self._pool.FindEnumTypeByName(name)
        text = descriptor.values_by_number[value].name
        prefix = "".join(
            "_" + c if c.isupper() and i else c
            for i, c in enumerate(descriptor.name)
        ).upper()
        return text.removeprefix(prefix + "_")

    def call(self, service, method, timeout=30, **fields):
        return self.start(service, method, timeout, **fields).result()

    def start(self, service, method, timeout=30, **fields):
        descriptor = self._pool.FindServiceByName(service).methods_by_name[method]
        request = self._factory.GetPrototype(descriptor.input_type)(**fields)
        answer = self._factory.GetPrototype(descriptor.output_type)
        stub = self.channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        return stub.future(request, timeout=timeout, metadata=self.metadata)

    def stream(self, service, method, timeout=30, requests=None, **fields):
        """What a streaming method answers; `requests`: messages as dicts, of one that takes a
        stream."""
        descriptor = self._pool.FindServiceByName(service).methods_by_name[method]
        request = self._factory.GetPrototype(descriptor.input_type)
        make = (self.channel.unary_stream if requests is None else self.channel.stream_stream)
        stub = make(f"/{service}/{method}",
                    request_serializer=lambda message: message.SerializeToString(),
                    response_deserializer=self._factory.GetPrototype(
                        descriptor.output_type).FromString)
        asked = (request(**fields) if requests is None
                 else iter([request(**message) for message in requests]))
        return stub(asked, timeout=timeout, metadata=self.metadata)

    def execute(self, tool, arguments="{}", timeout=30, **fields):
        return self.call("onetake.v1.ToolRuntime", "Execute", timeout, tool=tool,
                         arguments_json=arguments, **fields)

    def start_execute(self, tool, arguments="{}", timeout=30, **fields):
        return self.start("onetake.v1.ToolRuntime", "Execute", timeout, tool=tool,
                          arguments_json=arguments, **fields)

    def wait_for(self, intent_id, timeout=30, **fields):
        return self.call("onetake.v1.ToolRuntime", "Await", timeout, intent_id=intent_id, **fields)

    def list_tools(self, **fields):
        return self.call("onetake.v1.ToolRuntime", "ListTools", **fields)

    def list_intents(self, **fields):
        return self.call("onetake.v1.LedgerService", "ListIntents", **fields)

    def get_intent(self, intent_id, unseal=True):
        return self.call("onetake.v1.LedgerService", "GetIntent", id=intent_id, unseal=unseal)

    def list_events(self, **fields):
        return self.call("onetake.v1.LedgerService", "ListEvents", **fields)

    def verify_chain(self, **fields):
        return self.call("onetake.v1.LedgerService", "VerifyChain", **fields)

    def disposition(self, answer):
        return self.enum("onetake.v1.Disposition", answer.disposition)

    def state(self, intent):
        return self.enum("onetake.v1.IntentState", intent.state)

    def next_action(self, answer):
        return self.enum("onetake.v1.NextAction", answer.guidance.next_action)

    def error_detail(self, error):
        """The onetake.v1.ErrorDetail of an RpcError: google.rpc.Status in the trailers, any gRPC
        client's usual place."""
        trailers = {item.key: item.value for item in error.trailing_metadata()}
        # google.rpc.Status and google.protobuf.Any by their wire format: field 3 is the Any.
        status = descriptor_pb2.FileDescriptorProto(name="status.proto", package="t",
                                                    syntax="proto3")
        any_type = status.message_type.add(name="Any")
        any_type.field.add(name="type_url", number=1, label=1, type=9)
        any_type.field.add(name="value", number=2, label=1, type=12)
        envelope = status.message_type.add(name="Status")
        envelope.field.add(name="code", number=1, label=1, type=5)
        envelope.field.add(name="message", number=2, label=1, type=9)
        envelope.field.add(name="details", number=3, label=3, type=11, type_name=".t.Any")
        pool = descriptor_pool.DescriptorPool()
        pool.Add(status)
        factory = message_factory.MessageFactory(pool)
        parsed = factory.GetPrototype(pool.FindMessageTypeByName("t.Status")).FromString(
            trailers["grpc-status-details-bin"]
        )
        assert parsed.code == error.code().value[0], "the envelope repeats the status code"
        assert parsed.details[0].type_url == "type.googleapis.com/onetake.v1.ErrorDetail"
        return self.message("onetake.v1.ErrorDetail").FromString(parsed.details[0].value)

    def health(self, service=""):
        """"SERVING" or "NOT_SERVING"."""
        stub = self.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=lambda name: b"\x0a" + bytes([len(name)]) + name.encode()
            if name else b"",
            response_deserializer=lambda data: data,
        )
        return {b"\x08\x01": "SERVING", b"\x08\x02": "NOT_SERVING"}[stub(service, timeout=60)]

    def _reflect(self, **fields):
        request = message_factory.MessageFactory(self._own).GetPrototype(
            self._own.FindMessageTypeByName("grpc.reflection.v1alpha.ServerReflectionRequest")
        )
        answer = message_factory.MessageFactory(self._own).GetPrototype(
            self._own.FindMessageTypeByName("grpc.reflection.v1alpha.ServerReflectionResponse")
        )
        stub = self.channel.stream_stream(
            f"/{_REFLECTION}/ServerReflectionInfo",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        return next(iter(stub(iter([request(**fields)]), timeout=60)))

    def _ask_schema(self):
        schema = Schema()
        listed = self._reflect(list_services="*").list_services_response.service
        schema.services = sorted(service.name for service in listed)
        for symbol in [name for name in schema.services if name.startswith("onetake.")]:
            response = self._reflect(file_containing_symbol=symbol).file_descriptor_response
            schema.add([descriptor_pb2.FileDescriptorProto.FromString(data)
                        for data in response.file_descriptor_proto])
        return schema
