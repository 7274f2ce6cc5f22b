"""One whole run over real gRPC, with a real coordinator and a worker that obeys the protocol."""

from cleanroom.attestation.collateral import Collateral
from cleanroom.crypto.sealing import decrypt_content
from cleanroom.protocol.receipt import Receipt, verify_receipt
from cleanroom.protocol.run import output_context
from tests.support.rooms import coordinator


def test_a_run_goes_from_request_to_result_and_receipt(tmp_path):
    with coordinator(tmp_path) as room:
        bank, shop = room.party("bank"), room.party("shop")
        bank.add("customers", [b"one", b"two"], key=b"c" * 32)
        shop.add("baskets", key=b"b" * 32)
        with room.worker() as worker:
            run = shop.submit("overlap").run
            order = worker.next()
            assert worker.keys(order) == {"left": b"c" * 32, "right": b"b" * 32}
            worker.finish(order, b"the overlap")
            told = bank.watch(run)
            assert [event.phase for event in told][-2:] == ["release-pending", "released"]
            for party in (bank, shop):
                view = party.view(run)
                (mine,) = [one for one in view.outputs if one.recipient == party.name]
                key = party.result_key(run, "size")
                context = output_context(
                    str(room.genesis.lineage), room.manifest.digest, run, "size", party.name
                )
                assert decrypt_content(party.fetch(mine.digest), key, context=context) == (
                    b"the overlap"
                )
            raw = bank.receipt(run)
        verified = verify_receipt(
            Receipt.from_bytes(raw), room.manifest, allow_simulated=True, collateral=Collateral()
        )
        assert verified.predicate.runs_used == 1
        assert verified.predicate.assurance == "simulated"
