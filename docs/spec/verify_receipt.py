"""Verify a clean-room receipt with this file: Python 3.11 and `cryptography`, nothing else.

    python verify_receipt.py RECEIPT.json MANIFEST.json [sha256:<a development root> ...]

MANIFEST.json is your own copy (`cleanroom manifest show --canonical`); steps are numbered as in
`receipt-v1.md`. It shares no code with the package; tests compare the two. Evidence of TDX is read
by `verify_quote.py`, which must then stand beside it. Not done: evidence other than SEV-SNP and
TDX, devices beside a machine (both refused), and rules between fields of the manifest. Fields that
it does not know are ignored: they add nothing. No network, no clock, no lists but those that the
receipt brings.
"""

import base64
import hashlib
import json
import struct
import sys
import warnings
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

AMD_ROOTS = {  # https://kdsintf.amd.com/vcek/v1/{Milan,Genoa,Turin}/cert_chain, DER, SHA-256
    "sha256:69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd": "Milan",
    "sha256:4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1": "Genoa",
    "sha256:1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a": "Turin",
}
AMD = "1.3.6.1.4.1.3704.1"  # AMD 57230, table 8
SPL_ORDER = {"Milan": "12456738", "Genoa": "12456738", "Turin": "91235678"}  # below AMD.3
FAMILIES = {0x190: "Milan", 0x191: "Genoa", 0x19A: "Genoa", 0x1A0: "Turin", 0x1A1: "Turin"}
TCB = {"bl": 0, "tee": 1, "snp": 6, "ucode": 7}  # AMD 56860, section 2.2
TURIN_TCB = {"fmc": 0, "bl": 1, "tee": 2, "snp": 3, "ucode": 7}
TCB_AT = {"current": 0x38, "reported": 0x180, "committed": 0x1E0, "launch": 0x1F0}
SAFE_SNP = {"Milan": 0x18, "Genoa": 0x17, "Turin": 0}  # AMD-SB-3015, AMD-SB-3019
GUEST = "smt - migrate_ma debug single_socket cxl aes256_xts rapl_dis ciphertext_hiding "
PLATFORM = "smt tsme ecc rapl_dis ciphertext_hiding alias_check_complete - tio"
BITS = {"guest_policy": (8, 16, GUEST + "page_swap_disable"), "platform_info": (64, 0, PLATFORM)}
STRICT = {"migrate_ma": "forbid", "debug": "forbid", "alias_check_complete": "require"}
TABLE_GUIDS = {"63da758d", "a8074bc2", "4ab7b379", "c0b406a4"}  # GHCB 56421: VCEK VLEK ASK ARK
TYPES = "https://in-toto.io/Statement/v1 https://cleanroom.dev/%s/v1"
Json = dict[str, Any]
unb64 = partial(base64.b64decode, validate=True)


class NotProvenError(ValueError):
    """Some step does not hold; the message says which."""


def require(holds: object, what: str) -> None:
    """Go on only if it holds."""
    if not holds:
        raise NotProvenError(what)


def canonical(value: object) -> bytes:
    """RFC 8785; `json.dumps` is equal for texts, integers, booleans, null and ASCII keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read(raw: bytes, what: str) -> Json:
    """An object from its canonical bytes: any other spelling might have a second meaning."""
    value: Json = json.loads(raw)
    require(canonical(value) == raw, f"{what} is not canonical JSON")
    return value


def frame(domain: str, *fields: bytes) -> bytes:
    """Each part with its length before it, u32 big-endian; the domain first."""
    return b"".join(struct.pack(">I", len(part)) + part for part in (domain.encode(), *fields))


def named(content: bytes) -> str:
    """The name of some bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def opened(envelope: Json, kind: str, keys: dict[str, bytes]) -> Json:
    """What a DSSE envelope says, once its one signature verifies (DSSE v1.0.2, section PAE)."""
    (signature,), payload = envelope["signatures"], unb64(envelope["payload"])
    require(envelope["payloadType"] == kind and signature["keyid"] in keys, f"signer of {kind}")
    content = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    key = ed25519.Ed25519PublicKey.from_public_bytes(keys[signature["keyid"]])
    key.verify(unb64(signature["sig"]), content)
    return read(payload, kind)


def counted(envelopes: list[Json], approve: Json, expected: Json, now: str) -> str:
    """Name the approvals: of each party the one that is valid at `now` and lasts longest."""
    keys = {key["kid"]: unb64(key["public"]) for key in approve.values()}
    valid = []
    for envelope in envelopes:
        try:
            said = opened(envelope, "application/vnd.cleanroom.approval.v1+json", keys)
            party, kid = said["party"], envelope["signatures"][0]["keyid"]
            own = approve[party]["kid"] == said["kid"] == kid and expected.items() <= said.items()
            if own and now <= said["not_after"]:  # texts of times sort as times
                valid.append((said["not_after"], canonical(envelope), party))
        except (InvalidSignature, LookupError, TypeError, ValueError):
            continue  # it does not count, and does not stand in the way of one that does
    lasting = {party: envelope for _, envelope, party in sorted(valid)}
    require(lasting.keys() == approve.keys(), f"approvals of {sorted(lasting)} only")
    return named(frame("cleanroom/approvals/v1", *sorted(lasting.values())))


def root_of(entry: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root to which an inclusion proof leads (RFC 9162, section 2.1.3.2)."""
    node, last = hashlib.sha256(b"\x00" + entry).digest(), size - 1
    require(0 <= index <= last, "the log is too short for this entry")
    for sibling in path:
        require(last, "the inclusion proof is too long")
        left = bool(index % 2) or index == last
        node = hashlib.sha256(b"\x01" + (sibling + node if left else node + sibling)).digest()
        while left and index and index % 2 == 0:
            index, last = index >> 1, last >> 1
        index, last = index >> 1, last >> 1
    require(last == 0, "the inclusion proof is too short")
    return node


def certificates(raw: bytes) -> list[x509.Certificate]:
    """The certificates of one endorsement: DER, PEM, or AMD's table of both."""
    if raw.startswith(b"\x30"):
        return [x509.load_der_x509_certificate(raw)]
    if raw.startswith(b"-----BEGIN"):
        return x509.load_pem_x509_certificates(raw)
    places = [raw[at : at + 24] for at in range(0, len(raw), 24)]
    known = [p for p in places[: places.index(bytes(24))] if p[:4].hex() in TABLE_GUIDS]
    ranges = [struct.unpack_from("<II", place, 16) for place in known]
    return [one for start, size in ranges for one in certificates(raw[start:][:size])]


def chain_of(kind: str, sent: list[bytes], roots: set[str], now: datetime) -> tuple[Any, ...]:
    """Leaf, intermediate and root, once each is signed by the next and was valid at `now`."""
    with warnings.catch_warnings(action="ignore"):  # AMD's leaves have serial number 0
        known = {named(c.public_bytes(Encoding.DER)): c for raw in sent for c in certificates(raw)}
    every = [(c, c.subject.rfc4514_string().split(","), mark) for mark, c in known.items()]
    ((leaf, _, _),) = (each for each in every if f"CN=SEV-{kind}" in each[1])
    ((ask, ask_name, _),) = (each for each in every if each[0].subject == leaf.issuer)
    ((ark, _, root),) = (c for c in every if c[2] in roots and c[0].subject == ask.issuer)
    for one, issuer in ((leaf, ask), (ask, ark), (ark, ark)):
        one.verify_directly_issued_by(issuer)
        require(one.not_valid_before_utc <= now <= one.not_valid_after_utc, "a certificate's time")
    return leaf, ask, ark, ask_name, root


def since(issuers: list[x509.Certificate], sent: list[Json], now: datetime) -> list[timedelta]:
    """Time since issue and end of the root's newest list, once all clear the intermediate."""
    ask, ark = issuers
    lists = [unb64(one) for each in sent for one in each.get("collateral", {}).get("amd_crls", [])]
    crls = [crl for crl in map(x509.load_der_x509_crl, lists) if crl.issuer == ark.subject]
    require(all(crl.is_signature_valid(ark.public_key()) for crl in crls), "a list's signature")
    heeded = [crl for crl in crls if crl.last_update_utc <= now]
    require(not any(one.critical for crl in heeded for one in crl.extensions), "a partial list")
    named_serials = {entry.serial_number for crl in heeded for entry in crl}
    require(ask.serial_number not in named_serials, "the intermediate is revoked")
    newest = max(((crl.last_update_utc, crl.next_update_utc) for crl in heeded), default=())
    return [now - moment for moment in newest]


def authentic(evidence: Json, binding: bytes, roots: set[str], trust: Json) -> Json:
    """What a report says, once chain, signature, report data and the leaf's extensions hold."""
    report = unb64(evidence["report"])
    require(evidence["platform"] == "sev-snp" and len(report) == 0x4A0, "not an SEV-SNP report")
    require(not any(report[0x2D0:0x2E8] + report[0x318:]), "reserved bytes are set")
    kind = {0: "VCEK", 1: "VCEK", 4: "VLEK", 5: "VLEK"}[report[0x48]]
    sent, now = [*map(unb64, evidence["endorsements"])], trust["now"]
    leaf, *issuers, ask, root = chain_of(kind, sent, roots, now)
    r, s = (int.from_bytes(report[at : at + 48], "little") for at in (0x2A0, 0x2E8))
    leaf.public_key().verify(utils.encode_dss_signature(r, s), report[:0x2A0], ec.ECDSA(SHA384()))
    require(report[0x50:0x90] == binding, "the report data is not that of this receipt")
    values = {one.oid.dotted_string: getattr(one.value, "value", b"") for one in leaf.extensions}
    product = values[f"{AMD}.2"][2:].decode().partition("-")[0]
    issuer = f"CN=SEV-VLEK-{product}" if kind == "VLEK" else f"CN=SEV-{product}"
    require(issuer in ask and AMD_ROOTS.get(root, product) == product, "another product's chain")
    levels = bytes(values[f"{AMD}.3.{number}"][-1] for number in SPL_ORDER[product])
    require(levels == report[0x180:0x188], "the reported TCB is not the leaf's")
    chip, cloud = report[0x1A0:0x1E0], values.get(f"{AMD}.5", b"")[2:].decode()
    require(kind == "VLEK" or values[f"{AMD}.4"].ljust(64, b"\0") == chip, "another chip")
    said = {"report": report, "product": product, "root": root, "kind": kind, "cloud": cloud}
    return said | {"list": since(issuers, [trust["room"], evidence], now)}


def unmet(said: Json, policy: Json, genesis: bytes) -> list[str]:
    """The rules of one attestation entry that a report does not satisfy."""
    report, product, kind = said["report"], said["product"], said["kind"]
    word = {at: int.from_bytes(report[at : at + 8], "little") for at in (0x08, 0x40, 0x1F8, 0x200)}
    host_data, chip = report[0xC0:0xE0].hex(), report[0x1A0:0x1E0].hex()
    places = TURIN_TCB if product == "Turin" else TCB
    tcb = {name: {c: report[at + i] for c, i in places.items()} for name, at in TCB_AT.items()}
    levels = [tcb[n] for n in policy.get("tcb_applies_to", ["reported", "committed", "launch"])]
    floors = [*policy["min_tcb"][product].items(), ("snp", SAFE_SNP[product])]
    chips, mask = policy.get("chip_ids", "any"), policy.get("min_mitigation_vector", 0)
    chips = chips if chips == "any" else {each.ljust(128, "0") for each in chips}
    family = FAMILIES.get(report[0x188] << 4 | report[0x189] >> 4) if report[0] > 2 else product
    rules = {
        "root": said["root"] in (policy.get("development_roots") or AMD_ROOTS),
        "devices": "devices" not in policy,
        "product": product in policy["products"] and family == product,
        "version": report[0] in {2, 3, 5} and report[0] >= policy.get("min_report_version", 3),
        "measurement": report[0x90:0xC0].hex() in policy["measurements"],
        "host data": policy["host_data"].replace("genesis", genesis.hex()) in {"any", host_data},
        "TCB floors": all(level[c] >= floor for level in levels for c, floor in floors),
        "TCB": all(report[0x180 + i] <= report[0x1E0 + i] <= report[0x38 + i] for i in range(8)),
        "VMPL": int.from_bytes(report[0x30:0x34], "little") in policy.get("vmpl", [0]),
        "signing key": kind.lower() in policy.get("signing_keys", ["vcek"]),
        "cloud": kind == "VCEK" or said["cloud"] in policy.get("csp_ids", []),
        "chip": chip in chips if chips != "any" else product != "Milan",
        # where there is no list, the last two hold
        "revocation list": said["list"] or policy.get("revocation") != "require",
        "age of the list": said["list"][:1] <= [timedelta(policy.get("max_crl_age_d") or 10**6)],
        "end of the list": said["list"][1:] <= [timedelta(policy.get("crl_grace_d", 0))],
        "mitigations": word[0x1F8] & word[0x200] & mask == mask,
    }
    for field, (at, first, bits) in BITS.items():
        asked = STRICT | policy.get(field, {})
        for place, bit in enumerate(bits.split(), first):
            wanted = ("forbid", "require")[word[at] >> place & 1]
            rules[f"{field}.{bit}"] = asked.get(bit, "any") in {"any", wanted}
    for field, at in (("id_key_digests", 0xE0), ("author_key_digests", 0x110)):
        listed = policy.get(field, "any")
        rules[field] = listed == "any" or report[at : at + 48].hex() in listed
    return [rule for rule, holds in rules.items() if not holds]


def imaged(entry: Json, envelopes: list[Json], now: str) -> Json:
    """An entry with what builders signed in place of its name (`reference-values-v1.md`)."""
    if not (asked := entry.get("reference_values")):
        return entry
    keys = {name: unb64(key) for name, key in asked["builders"].items()}
    signed = [one for one in envelopes if named(unb64(one["payload"])) == asked["digest"]]
    opens = [opened(one, "application/vnd.in-toto+json", keys) for one in signed]
    signers = {keys[one["signatures"][0]["keyid"]] for one in signed}
    require(len(signers) >= asked["threshold"], "too few builders signed the reference values")
    require("{_type} {predicateType}".format(**opens[0]) == TYPES % "reference-values", "type")
    said = opens[0]["predicate"]
    own = [one for one in said["launches"] if one["platform"] == entry["platform"]]
    require(own and said["issued_at"] <= now <= said["valid_until"], "platform, or time")
    return entry | {"measurements": [one.get("measurement") or one["image"] for one in own]}


def judges(platform: str) -> tuple[Any, Any, set[str]]:
    """What reads a platform's evidence, what compares it with an entry, and the vendor's roots."""
    if platform != "tdx":
        return authentic, unmet, set(AMD_ROOTS)
    beside = spec_from_file_location("verify_quote", Path(__file__).with_name("verify_quote.py"))
    quotes: Any = module_from_spec(beside)
    beside.loader.exec_module(quotes)
    return quotes.authentic, quotes.unmet, {quotes.INTEL_ROOT}


def attested(part: Json, bound: bytes, rule: Json, trust: Json) -> tuple[str, str]:
    """Assurance and name of the first attestation entry that evidence meets as a whole."""
    entries = {name: trust["attestation"][name] for name in rule["policies"]}
    pinned = [set(entry.get("development_roots") or ()) for entry in entries.values()]
    require(all(pinned) or not any(pinned), "the manifest mixes simulated and real roots")
    platform = part["evidence"]["platform"]
    read_evidence, failing, vendor = judges(platform)
    roots = set[str]().union(*pinned) & trust["roots"] if any(pinned) else vendor
    said = read_evidence(part["evidence"], hashlib.sha512(bound).digest(), roots, trust)
    own = {name: entry for name, entry in entries.items() if entry["platform"] == platform}
    failed = {name: failing(said, entry, trust["genesis"]) for name, entry in own.items()}
    met = [name for name, rules in failed.items() if not rules]
    require(met, f"no attestation entry is met, these rules fail: {failed}")
    return "simulated" if any(pinned) else "hardware", met[0]


def permitted(said: Json, manifest: Json) -> Json:
    """The computation, once all that a predicate says about it is what the manifest allows."""
    ran, data = manifest["computations"][said["computation"]], manifest["datasets"]
    needed = ran["inputs"] | {k: ran[k] | {"columns": [k]} for k in ("model",) if k in ran}
    owner = {n: data.get(r["dataset"], {"owner": "room"})["owner"] for n, r in needed.items()}
    read = {n: [r["dataset"], owner[n], r["columns"]] for n, r in needed.items()}
    got = {n: [r["dataset"], r["owner"], r["columns"]] for n, r in said["inputs"].items()}
    sent = [(n, o.get("recipients", []), "kept_as" in o) for n, o in ran["outputs"].items()]
    due = sorted((n, p) for n, to, kept in sent for p in [*to, *["room"] * (kept or not to)])
    ranges, count = ran.get("parameters", {}), ran["workers"].get("count", 1)
    require(got == read and said["submitter"] in ran["submitters"], "other inputs or submitter")
    require(sorted((o["output"], o["recipient"]) for o in said["outputs"]) == due, "other outputs")
    require(said["runs_used"] <= said["runs_allowed"] == ran["limits"]["max_runs"], "more runs")
    require(said["submitted_at"] <= said["released_at"], "released before it was submitted")
    working = (len(said["workers"]), said["engine"]) == (count, "ray" if count > 1 else "process")
    require(working and said["parameters"].keys() == ranges.keys(), "other workers or parameters")
    ends = [[r["min"], said["parameters"][n], r["max"]] for n, r in ranges.items()]
    require(all(sorted(e, key=lambda v: (repr(type(v)), Decimal(v))) == e for e in ends), "a range")
    charged(said["budgets"], ran, data)
    return dict(ran)


def charged(parts: Json, ran: Json, datasets: Json) -> None:
    """Go on only if each budget that is read was charged, in full and no further than it goes."""
    noise = next((one["dp"] for one in (ran, *ran["outputs"].values()) if one.get("dp")), {})
    limits = {r["dataset"]: datasets[r["dataset"]].get("privacy") for r in ran["inputs"].values()}
    require(parts.keys() == {n for n in limits if noise and limits[n]}, "other budgets")
    for part, limit, u in ((parts[n], limits[n], u) for n in parts for u in ("epsilon", "delta")):
        said = [Decimal(part[name][u]) for name in ("limit", "spent", "before", "after")]
        stated = [Decimal(one.get(u, "0")) for one in (limit, noise)]
        require(said[:2] == stated and said[1] + said[2] == said[3] <= said[0], "another budget")


def gang(receipt: Json, said: Json, ran: Json, trust: Json) -> list[tuple[str, str]]:
    """Assurance and policy of each worker, once its evidence holds for the keys it joined with."""
    joins, results = receipt["joins"], receipt["results"]
    shown = [tuple(named(canonical(o)) for o in pair) for pair in zip(joins, results, strict=True)]
    require(shown == [(part["join"], part["result"]) for part in said["workers"]], "other workers")
    again = {named(canonical(one)): one for one in receipt.get("reattested", [])}
    require([*again] == [p["reattested"] for p in said["workers"] if "reattested" in p], "newest")
    found, role = [], ran["workers"]["role"]
    for part, join, result in zip(said["workers"], joins, results, strict=True):
        last = again.get(part.get("reattested"), join)
        require(named(canonical(last["evidence"])) == result["evidence"], "other evidence")
        require((join["manifest"], join["role"]) == (said["manifest"], role), "a worker's role")
        fields = [unb64(join[k]) for k in ("room_nonce", "worker_nonce", "seal_key", "sign_key")]
        fields[2:2] = [bytes.fromhex(join["manifest"][7:]), role.encode(), join["node_ip"].encode()]
        if last is not join:  # it names the join instead, and so the keys in it
            fields = [unb64(last["nonce"]), bytes.fromhex(part["join"][7:])]
        bound = frame(f"cleanroom/{'join' if last is join else 'reattest'}/v1", *fields)
        found.append(attested(last, bound, trust["workers"][role], trust))
    require([part["policy"] for part in said["workers"]] == [p for _, p in found], "policies held")
    return found


def verify(receipt: Json, manifest: Json, roots: set[str]) -> Json:
    """The receipt's predicate, once every step holds; `roots` are those of development."""
    room, envelope, metadata = receipt["statement"], receipt["envelope"], manifest["metadata"]
    own, payload = canonical(manifest), unb64(envelope["payload"])
    said: Json = read(payload, "the payload")["predicate"]
    now, name = said["released_at"], named(b"cleanroom/manifest/v1\0" + own)
    parties = manifest["parties"].items()
    approve = {p: k for p, party in parties for k in party["keys"] if k["use"] == "approve"}
    born = {"lineage": metadata["lineage"], "approve": {p: approve[p]["public"] for p in approve}}
    genesis = hashlib.sha256(frame("cleanroom/genesis/v1", canonical(born))).digest()
    moment = datetime.strptime(now, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    # the lists that the room's evidence brings count for the workers, too
    trust = manifest | {"roots": roots, "genesis": genesis, "now": moment, "room": room["evidence"]}
    # 1: the room's statement holds for this very payload, at the time of release
    nonce = hashlib.sha256(frame("cleanroom/receipt/v1", payload)).digest()
    require(unb64(room["nonce"]) == nonce and room["phase"] == "active", "another receipt's proof")
    require(room["genesis"] == born and metadata["version"] == 1, "another genesis")
    require(unb64(room["manifest"]) == own, "the room's manifest is not yours")
    require(metadata["not_before"] <= now <= metadata["not_after"], "the manifest did not hold")
    values = room.get("reference_values", [])
    shown = frame("cleanroom/approvals/v1", *sorted({canonical(one) for one in room["approvals"]}))
    built = frame("cleanroom/reference-values/v1", *sorted({canonical(one) for one in values}))
    trust["attestation"] = {n: imaged(e, values, now) for n, e in manifest["attestation"].items()}
    authority = x509.load_der_x509_certificate(unb64(room["root_certificate"])).public_key()
    spki = authority.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    fields = [nonce, genesis, own, named(shown).encode(), unb64(room["checkpoint"]["payload"])]
    fields += [hashlib.sha256(spki).digest(), unb64(room["seal_key"]), unb64(room["sign_key"])]
    fields += [room["phase"].encode()] + [named(built).encode()] * bool(values)
    found = [attested(room, frame("cleanroom/statement/v1", *fields), trust["coordinator"], trust)]
    about = {"scope": "activate", "manifest": name, "lineage": born["lineage"], "previous": None}
    approvals = counted(room["approvals"], approve, about, now)
    signer = {"room-sign": unb64(room["sign_key"])}
    head = opened(room["checkpoint"], "application/vnd.cleanroom.checkpoint.v1+json", signer)
    # 2: the room's attested key signed the payload; its subjects are the outputs
    whole = opened(envelope, "application/vnd.in-toto+json", signer)
    require("{_type} {predicateType}".format(**whole) == TYPES % "receipt", "another type")
    outputs = [(f"{o['output']}/{o['recipient']}", o["digest"][7:]) for o in said["outputs"]]
    require(outputs == [(s["name"], s["digest"]["sha256"]) for s in whole["subject"]], "subjects")
    # 3: it is about this manifest and these approvals
    require(said["manifest"] == name and said["approvals"] == approvals, "another manifest")
    require(said["lineage"] == head["lineage"] == metadata["lineage"], "another room")
    ran = permitted(said, manifest)
    # 4: the log that the statement shows holds the release of exactly these outputs
    raw, path = unb64(receipt["entry"]), [*map(unb64, receipt["inclusion"])]
    entry = read(raw, "the log entry")
    require(root_of(raw, entry["sequence"], head["size"], path) == unb64(head["root"]), "the log")
    logged = [entry["content"][field] for field in ("kind", "run", "outputs", "receipt")]
    released = ["run-released", said["run"], said["outputs"], named(payload)]
    require(logged == released and entry["at"] == now, "the log entry is of something else")
    # 5: each worker's evidence holds for the keys it worked with
    found += gang(receipt, said, ran, trust)
    # 6: no part is simulated where the receipt says hardware
    require(said["assurance"] == max(found)[0], "some part is simulated")
    return said


def main(receipt: str, manifest: str, *development_roots: str) -> int:
    """Print the predicate and return 0, or the reason on stderr and 4."""
    try:
        shown = read(Path(receipt).read_bytes(), "the receipt")
        said = verify(shown, json.loads(Path(manifest).read_bytes()), set(development_roots))
    except Exception as fault:  # noqa: BLE001 - whatever is malformed proves nothing
        sys.stderr.write(f"not proven: {type(fault).__name__}: {fault}\n")
        return 4
    sys.stdout.write(json.dumps(said, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
