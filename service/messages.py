"""Messages of the gRPC door to plain fields."""

from google.protobuf.message import Message


def fields_of(message: Message) -> dict[str, object]:
    """What the caller has set, messages within the message likewise."""
    return {
        field.name: fields_of(value) if isinstance(value, Message) else value
        for field, value in message.ListFields()
    }
