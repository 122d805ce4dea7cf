"""The gRPC door to videos that are made from videos, and to what models do."""

import grpc

from service.pb import models_pb2
from service.pb import videos_pb2 as pb
from service.rpc.answering import Answering
from service.rpc.messages import keyed, queued
from service.videos.derived import Derived
from service.videos.models import Models


class DerivedCalls(Answering):
    """Messages in, `Derived` and `Models`, messages out."""

    _derived: Derived
    _models: Models

    def RemixVideo(
        self, request: pb.RemixVideoRequest, context: grpc.ServicerContext
    ) -> pb.RemixVideoResponse:
        """Make a finished video anew, to other words."""
        with self._answering(context) as caller:
            fields, key = keyed(request)
            fields.pop("id", None)
            accepted = self._derived.remix(caller, request.id, fields, key)
            return pb.RemixVideoResponse(video=queued(accepted, context))

    def EditVideo(self, request: pb.EditVideoRequest, context: grpc.ServicerContext) -> pb.EditVideoResponse:
        """Change a video by words."""
        with self._answering(context) as caller:
            accepted = self._derived.edit(caller, *keyed(request))
            return pb.EditVideoResponse(video=queued(accepted, context))

    def ExtendVideo(
        self, request: pb.ExtendVideoRequest, context: grpc.ServicerContext
    ) -> pb.ExtendVideoResponse:
        """Let a video go on."""
        with self._answering(context) as caller:
            accepted = self._derived.extend(caller, *keyed(request))
            return pb.ExtendVideoResponse(video=queued(accepted, context))

    def ListModels(
        self, request: models_pb2.ListModelsRequest, context: grpc.ServicerContext
    ) -> models_pb2.ListModelsResponse:
        """The installed checkpoints."""
        with self._answering(context):
            return models_pb2.ListModelsResponse(**self._models.list().model_dump())

    def GetModel(
        self, request: models_pb2.GetModelRequest, context: grpc.ServicerContext
    ) -> models_pb2.GetModelResponse:
        """One of them."""
        with self._answering(context):
            return models_pb2.GetModelResponse(model=self._models.get(request.id).model_dump())
