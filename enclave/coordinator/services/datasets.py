"""`Datasets`: versions that owners bring; their parts are blobs."""

from datetime import datetime
from functools import partial

import grpc

from cleanroom.encoding import instant_text
from cleanroom.protocol.dataset import DatasetOffer, open_version
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.coordinator.engine import Engine
from enclave.coordinator.events import DatasetOffered
from enclave.coordinator.orders import openable
from enclave.coordinator.services.calls import unary
from enclave.coordinator.services.door import caller_of


class Datasets(rpc.DatasetsServicer):
    """Open to parties."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @unary
    def Put(self, request: pb.Canonical, context: grpc.ServicerContext) -> pb.VersionReply:  # noqa: N802
        """Take a version once its parts are stored and its key opens."""
        party = caller_of(self._engine.performer.callers, context.invocation_metadata()).name
        offer = DatasetOffer.from_bytes(request.record)
        manifest = self._engine.room.in_force(self._engine.now()).manifest
        version = open_version(offer, manifest)
        openable(offer, self._engine.keys.unsealer)
        sizes = self._engine.performer.blobs.sizes(part.digest for part in version.parts)
        missing = [part.index for part in version.parts if sizes.get(part.digest) != part.size]
        self._engine.apply(partial(_offered, party, offer, missing))
        return pb.VersionReply(digest=version.digest)

    @unary
    def GetVersions(self, _: pb.Nothing, __: grpc.ServicerContext) -> pb.VersionList:  # noqa: N802
        """Every version of every dataset, oldest first."""
        views = [
            pb.DatasetVersionView(
                dataset=held.version.dataset,
                owner=held.version.owner,
                digest=held.digest,
                added_at=instant_text(held.added_at),
            )
            for held in self._engine.room.versions.values()
        ]
        return pb.VersionList(versions=views)


def _offered(party: str, offer: DatasetOffer, missing: list[int], at: datetime) -> DatasetOffered:
    return DatasetOffered(at=at, party=party, offer=offer, missing=missing)
