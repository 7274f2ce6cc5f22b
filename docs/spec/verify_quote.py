"""Verify TDX quotes for `verify_receipt.py`, which reads this file from beside it.

Python 3.11 and `cryptography`, nothing else, and no code of the package; tests compare the two.
Steps are numbered as in Intel's DCAP: quote, PCK chain, revocation, Intel's documents, quoting
enclave, signature, module, TCB level, event log. Intel's collateral is what came along: of the
room's and the evidence's the fresher one. Not done: SGX enclaves (refused), and devices (refused).
"""

import hashlib
import json
import re
import struct
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID, ObjectIdentifier

INTEL_ROOT = "sha256:44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"
VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
SGX = ObjectIdentifier("1.2.840.113741.1.13.1")  # PCK certificate profile, section 1.3.5
ARC = bytes.fromhex("2a864886f84d010d01")
PCK, SIGNER = "Intel SGX PCK Certificate", "Intel SGX TCB Signing"
AUTHORITIES = {"Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA"}
HEEDED = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE}
PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
SERVED = re.compile(
    rb'\s*\{\s*"(\w+)"\s*:\s*(\{.*\})\s*,\s*"signature"\s*:\s*"([0-9a-fA-F]{128})"\s*\}\s*',
    re.DOTALL,
)
QE_ZERO = ((20, 32), (96, 128), (160, 192), (262, 304))
FIELDS = {  # TD report: Intel TDX DCAP Quoting Library API, appendix A.3; the last two: 1.5
    "svn": (0, 16),
    "mr_seam": (16, 64),
    "mr_signer_seam": (64, 112),
    "seam_attributes": (112, 120),
    "attributes": (120, 128),
    "mrtd": (136, 184),
    "host_data": (184, 232),
    "mr_owner": (232, 280),
    "mr_owner_config": (280, 328),
    **{f"rtmr{index}": (328 + 48 * index, 376 + 48 * index) for index in range(4)},
    "report_data": (520, 584),
    "svn_now": (584, 600),
    "mr_service_td": (600, 648),
}
BITS = {"debug": 0, "hgs_plus_prof": 4, "perf_prof": 5, "pmt_prof": 6, "icssd": 16, "lass": 27}
BITS |= {"sept_ve_disable": 28, "migratable": 29, "pks": 30, "kl": 31, "tpa": 62, "perfmon": 63}
FORBIDDEN = ("debug", "hgs_plus_prof", "perf_prof", "pmt_prof", "migratable", "perfmon")
STRICT = dict.fromkeys(FORBIDDEN, "forbid") | {"sept_ve_disable": "require"}
CONFIGURATION, HARDENING = "ConfigurationNeeded", "SWHardeningNeeded"
CURRENT = ("UpToDate", HARDENING, CONFIGURATION, "ConfigurationAndSWHardeningNeeded")
Json = dict[str, Any]


class NotProvenError(ValueError):
    """Some step does not hold; the message says which."""


def require(holds: object, what: str) -> None:
    """Go on only if it holds."""
    if not holds:
        raise NotProvenError(what)


def parsed(raw: bytes) -> Json:
    """The parts of a quote of version 4 or 5 (appendix A.3)."""
    version, key_type, tee, _, _, vendor = struct.unpack_from("<HHIHH16s", raw)
    require((key_type, tee, vendor) == (2, 0x81, VENDOR) and version in {4, 5}, "not a TDX quote")
    kind, size = struct.unpack_from("<HI", raw, 48) if version == 5 else (2, 584)
    require((kind, size) in {(2, 584), (3, 648)}, "not the report of a TDX guest")
    start = 54 if version == 5 else 48
    end = start + size
    (length,) = struct.unpack_from("<I", raw, end)
    part = raw[end + 4 :][:length]
    require(len(part) == length <= 1 << 15, "the quote is cut")
    require(struct.unpack_from("<HI", part, 128) == (6, length - 134), "no QE report")
    (data,) = struct.unpack_from("<H", part, 582)
    chain = struct.unpack_from("<HI", part, 584 + data)
    require(chain == (5, length - 590 - data), "no PCK chain")
    body, report = raw[start:end], part[134:518]
    require(not any(any(report[a:b]) for a, b in QE_ZERO), "reserved bytes of the QE report")
    said = {name: body[a:b] for name, (a, b) in FIELDS.items()}
    key, auth = part[64:128], part[584 : 584 + data]
    signed = {"quote": (raw[:end], part[:64]), "qe": (report, part[518:582])}
    return said | {"key": key, "auth": auth, "chain": part[590 + data :], **signed}


def chained(text: bytes, size: int) -> list[x509.Certificate]:
    """The certificates of a PEM text that holds nothing else, leaf first."""
    text = text.removesuffix(b"\0")  # Intel's quoting library ends the text with one
    found = [b64decode(b"".join(one.split()), validate=True) for one in PEM.findall(text)]
    require(not PEM.sub(b"", text).strip() and len(found) == size, "not as many certificates")
    return [x509.load_der_x509_certificate(one) for one in found]


def name_of(certificate: x509.Certificate) -> str:
    """Its common name."""
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(name.value)


def mark_of(certificate: x509.Certificate) -> str:
    """SHA-256 of it."""
    return "sha256:" + hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def issued(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> None:
    """Go on only if the issuer signed it, it is in force, and it asks for nothing unknown."""
    certificate.verify_directly_issued_by(issuer)
    require(isinstance(certificate.signature_hash_algorithm, SHA256), "another signature")
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    require(begin <= now <= end, "a certificate's time")
    critical = {one.oid for one in certificate.extensions if one.critical}
    require(critical <= HEEDED, "a critical extension")


def authority(certificate: x509.Certificate, *, last: bool) -> None:
    """Go on only if it may issue certificates, and if `last` no further authorities."""
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    require(constraints.ca and usage.key_cert_sign, "an issuer that is no authority")
    require(not last or constraints.path_length == 0, "an open path length")


def cleared(
    certificate: x509.Certificate, issuer: x509.Certificate, lists: list[bytes], now: datetime
) -> datetime:
    """When the newest list was issued, which must clear it."""
    every = [x509.load_der_x509_crl(one) for one in lists]
    crls = [crl for crl in every if crl.issuer == issuer.subject]
    newest = max(crls, key=lambda crl: (crl.last_update_utc <= now, crl.last_update_utc))
    begin, end = newest.last_update_utc, newest.next_update_utc
    require(newest.is_signature_valid(issuer.public_key()), "a list's signature")
    require(not any(one.critical for one in newest.extensions), "a partial list")
    require(certificate.serial_number not in {each.serial_number for each in newest}, "revoked")
    require(end and begin <= now <= end, "the list's time")
    return begin


def tlvs(raw: bytes) -> list[bytes]:
    """Contents of the DER values that stand one after another."""
    found, at = [], 0
    while at < len(raw):
        size, at = raw[at + 1], at + 2
        if size & 0x80:
            size, at = int.from_bytes(raw[at : at + (size & 0x7F)], "big"), at + (size & 0x7F)
        require(at + size <= len(raw), "cut DER")
        found.append(raw[at : at + size])
        at += size
    return found


def parts(sequence: bytes) -> dict[bytes, bytes]:
    """Values of Intel's extension by what follows its arc."""
    pairs = [tlvs(one) for one in tlvs(sequence)]
    require(all(oid.startswith(ARC) for oid, _ in pairs), "another arc")
    found = {oid.removeprefix(ARC): value for oid, value in pairs}
    require(len(found) == len(pairs), "a part twice")
    return found


def certified(leaf: x509.Certificate) -> Json:
    """What the PCK certificate says about the platform."""
    said = parts(tlvs(leaf.extensions.get_extension_for_oid(SGX).value.public_bytes())[0])
    levels, bits = parts(said[b"\x02"]), parts(said.get(b"\x07", b""))
    components = [int.from_bytes(levels[bytes([2, n])], "big") for n in range(1, 18)]
    flags = ("dynamic_platform", "cached_keys", "smt")
    set_ = {name: any(bits.get(bytes([7, n]), b"")) for n, name in enumerate(flags, 1)}
    ids = {"ppid": said[b"\x01"], "pceId": said[b"\x03"], "fmspc": said[b"\x04"]}
    return {"svns": components[:16], "pcesvn": components[16], "flags": set_} | ids


def moment(text: str) -> datetime:
    """A time as Intel writes it."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def rank(document: Json, now: datetime) -> tuple[bool, int, datetime]:
    """Of two documents that say something of one thing, the higher one counts."""
    begin, end = moment(document["issueDate"]), moment(document["nextUpdate"])
    return begin <= now <= end, document["tcbEvaluationDataNumber"], begin


def document(wanted: Json, kind: str, hands: list[Json], trust: Json) -> Json:
    """What Intel says of one thing, once Intel's signer signed it under the platform's root."""
    found = []
    for hand in hands:
        for one in hand[{"tcbInfo": "tcb_infos"}.get(kind, "qe_identities")]:
            served = SERVED.fullmatch(b64decode(one["document"]))
            require(served and served[1] == kind.encode(), "a document of another form")
            said = json.loads(served[2])
            told = {k: said[k].lower() if k != "id" else said[k] for k in wanted}
            if told == wanted:
                found.append((rank(said, trust["now"]), said, served, one["chain"]))
    require(found, f"no {kind} of this platform")
    (current, _, begin), said, served, chain = max(found, key=lambda each: each[0])
    require(current, f"the {kind} is not in force")
    signer, root = chained(b64decode(chain), 2)
    require(mark_of(root) == trust["root"] and name_of(signer) == SIGNER, "another signer")
    issued(signer, root, trust["now"])
    cleared(signer, root, trust["root_lists"], trust["now"])
    checked(signer.public_key(), served[2], bytes.fromhex(served[3].decode()))
    return said | {"begin": begin}


def checked(key: Any, content: bytes, signature: bytes) -> None:  # noqa: ANN401
    """Go on only if the signature (r and s, 64 bytes) holds."""
    require(isinstance(key, ec.EllipticCurvePublicKey), "another key")
    r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
    key.verify(utils.encode_dss_signature(r, s), content, ec.ECDSA(SHA256()))


def masked(raw: bytes, mask: str) -> str:
    """Bytes under a mask of their length."""
    kept = bytes.fromhex(mask)
    require(len(kept) == len(raw), "a mask of another length")
    return bytes(a & b for a, b in zip(raw, kept, strict=True)).hex()


def isv_level(levels: list[Json], svn: int) -> Json:
    """The newest level at or below a security version."""
    fitting = [level for level in levels if svn >= level["tcb"]["isvsvn"]]
    require(fitting, "below every level")
    return max(fitting, key=lambda level: level["tcb"]["isvsvn"])


def converged(status: str, other: str) -> str:
    """A platform's status with that of a part that has its own."""
    if other == "Revoked":
        return other
    if other == "OutOfDate" and status in {"UpToDate", HARDENING}:
        return other
    outdated = other == "OutOfDate" and status in CURRENT
    return "OutOfDateConfigurationNeeded" if outdated else status


def svns(level: Json, kind: str) -> list[int]:
    """Security versions that a level asks for."""
    return [one["svn"] for one in level["tcb"].get(f"{kind}tcbcomponents", [])]


def fits(have: list[int], need: list[int]) -> bool:
    """Whether no version is below."""
    return len(have) == len(need) and all(a >= b for a, b in zip(have, need, strict=True))


def module_of(info: Json, svn: bytes) -> Json | None:
    """Intel's identity of the TDX module; none for the first modules."""
    wanted = [
        one for one in info.get("tdxModuleIdentities", []) if one["id"] == f"TDX_{svn[1]:02X}"
    ]
    require(wanted or svn[1] == 0, "a TDX module that Intel does not list")
    return wanted[0] if svn[1] else None


def standing(quote: Json, info: Json, pck: Json, enclave: Json) -> tuple[str, list[str]]:
    """Status of the platform and the advisories that apply (quote verification, step 18)."""
    order = sorted(
        info["tcbLevels"],
        key=lambda one: (svns(one, "sgx"), one["tcb"]["pcesvn"], svns(one, "tdx")),
        reverse=True,
    )
    own = [
        level
        for level in order
        if fits(pck["svns"], svns(level, "sgx")) and pck["pcesvn"] >= level["tcb"]["pcesvn"]
    ]
    svn, now = quote["svn"], quote["svn_now"]
    first = 2 if svn[1] else 0
    both = [level for level in own if fits([*svn[first:]], svns(level, "tdx")[first:])]
    require(both, "the platform is below every level")
    module = module_of(info, svn)
    parts_ = [both[0], *([isv_level(module["tcbLevels"], svn[0])] if module else []), enclave]
    status = both[0]["tcbStatus"]
    for part in parts_[1:-1]:
        status = converged(status, part["tcbStatus"])
    old = any(part["tcbStatus"] == "OutOfDate" for part in parts_[1:-1])
    mended = old and own[0]["tcbStatus"] in CURRENT and enclave["tcbStatus"] == "UpToDate"
    if now and mended and status.startswith("OutOfDate") and relaunched(info, order[0], now):
        needed = CONFIGURATION[:13] in own[0]["tcbStatus"] + status
        status = "TDRelaunchAdvised" + CONFIGURATION * needed
    named = {name for part in parts_ for name in part.get("advisoryIDs", [])}
    return converged(status, enclave["tcbStatus"]), sorted(named)


def relaunched(info: Json, latest: Json, now: bytes) -> bool:
    """Whether the module is the latest by now, so that starting again would mend it."""
    module, need = module_of(info, now), svns(latest, "tdx")
    require(need, "a level without TDX")
    newest = max(one["tcb"]["isvsvn"] for one in module["tcbLevels"]) if module else need[0]
    return now[0] >= newest and now[2] >= need[2]


def explained(log: bytes, quote: Json) -> list[tuple[int, str]]:
    """Register and digest of each event, once all of them give the registers (CCEL)."""
    (length,) = struct.unpack_from("<I", log, 28)
    spec = log[32 : 32 + length]
    require(log[4:8] == b"\3\0\0\0" and spec[:16] == b"Spec ID Event03\0", "another log")
    (count,) = struct.unpack_from("<I", spec, 24)
    sizes = dict(struct.unpack_from("<HH", spec, 28 + 4 * at) for at in range(count))
    at, events, values = 32 + length, [], {index: bytes(48) for index in range(4)}
    while log[at:].strip(b"\xff\0"):
        register, kind, count = struct.unpack_from("<III", log, at)
        at, digest = at + 12, b""
        for _ in range(count):
            (algorithm,) = struct.unpack_from("<H", log, at)
            here = log[at + 2 : at + 2 + sizes[algorithm]]
            digest, at = here if algorithm == 0x0C else digest, at + 2 + sizes[algorithm]
        at += 4 + struct.unpack_from("<I", log, at)[0]
        require(at <= len(log), "a cut log")
        if kind != 3:
            values[register - 1] = hashlib.sha384(values[register - 1] + digest).digest()
            events.append((register - 1, digest.hex()))
    require(all(values[n] == quote[f"rtmr{n}"] for n in range(4)), "the log explains others")
    return events


def authentic(evidence: Json, binding: bytes, roots: set[str], trust: Json) -> Json:
    """What a quote says, once Intel vouches for it and it carries the binding."""
    now, quote = trust["now"], parsed(b64decode(evidence["report"], validate=True))
    leaf, issuer, root = chained(quote["chain"], 3)
    require(mark_of(root) in roots, "another root")
    require(name_of(leaf) == PCK and name_of(issuer) in AUTHORITIES, "another chain")
    authority(root, last=False)
    authority(issuer, last=True)
    for one, above in ((root, root), (issuer, root), (leaf, issuer)):
        issued(one, above, now)
    sent = [json.loads(b64decode(one)) for one in evidence["endorsements"]]
    carried = [one.get("collateral", {}).get("intel") for one in (trust["room"], evidence)]
    hands = [*filter(None, carried), *sent]
    require(hands and len(sent) <= 1, "no collateral of Intel's, or too much")
    root_lists = [b64decode(hand["root_crl"]) for hand in hands]
    pck_lists = [b64decode(one) for hand in hands for one in hand["pck_crls"]]
    dates = [cleared(issuer, root, root_lists, now), cleared(leaf, issuer, pck_lists, now)]
    trust = trust | {"root": mark_of(root), "root_lists": root_lists}
    pck = certified(leaf)
    kind = {"id": "TDX", "fmspc": pck["fmspc"].hex(), "pceId": pck["pceId"].hex()}
    info = document(kind, "tcbInfo", hands, trust)
    identity = document({"id": "TD_QE"}, "enclaveIdentity", hands, trust)
    require((info["version"], info["tcbType"], identity["version"]) == (3, 0, 2), "a version")
    checked(leaf.public_key(), *quote["qe"])
    report = quote["qe"][0]
    mark = hashlib.sha256(quote["key"] + quote["auth"]).digest()
    require(report[320:384] == mark.ljust(64, b"\0"), "the QE speaks for another key")
    misc = masked(report[16:20][::-1], identity["miscselectMask"])
    attributes = masked(report[48:64], identity["attributesMask"])
    found = (misc, attributes, report[128:160].hex(), int.from_bytes(report[256:258], "little"))
    wanted = [identity[name].lower() for name in ("miscselect", "attributes", "mrsigner")]
    require(found == (*wanted, identity["isvprodid"]), "another quoting enclave")
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + quote["key"])
    checked(point, *quote["quote"])
    module = module_of(info, quote["svn"]) or info["tdxModule"]
    require(quote["mr_signer_seam"].hex() == module["mrsigner"].lower(), "MRSIGNERSEAM")
    require(not any(quote["seam_attributes"]), "SEAMATTRIBUTES")
    require(not int(module["attributes"], 16), "SEAMATTRIBUTES that Intel wants")
    enclave = isv_level(identity["tcbLevels"], int.from_bytes(report[258:260], "little"))
    status, advisories = standing(quote, info, pck, enclave)
    log = evidence.get("event_log")
    quote["events"] = explained(b64decode(log), quote) if log else None
    require(quote["report_data"] == binding, "the report data is not that of this receipt")
    dates += [info["begin"], identity["begin"]]
    numbers = [one["tcbEvaluationDataNumber"] for one in (info, identity)]
    told = {"status": status, "advisories": advisories, "age": now - min(dates), "now": now}
    return quote | pck | told | {"evaluation": min(numbers), "root": mark_of(root)}


def holds(found: bytes, asked: str) -> bool:
    """Whether a register is what is asked: `any`, `zero` or a value."""
    return asked == "any" or found.hex() == (asked if asked != "zero" else "0" * len(found) * 2)


def is_image(said: Json, image: Json) -> bool:
    """Whether all registers of one image hold, and the events where it asks for some."""
    asked = {"mrtd": image["mrtd"]} | {f"rtmr{n}": image.get(f"rtmr{n}", "any") for n in range(3)}
    asked["rtmr3"] = image.get("rtmr3", "zero")
    for rule in image.get("events", []):
        if said["events"] is None:
            return False
        told = {digest for register, digest in said["events"] if register == rule["register"]}
        if not set(rule["required"]) <= told <= set(rule["allowed"]):
            return False
    return all(holds(said[name], value) for name, value in asked.items())


def unmet(said: Json, policy: Json, genesis: bytes) -> list[str]:
    """The rules of one attestation entry that a quote does not satisfy."""
    risks, status = policy.get("accepted_risks", {}), said["status"]
    accepted = {name for name, risk in risks.items() if said["now"] < moment(risk["until"])}
    present = {*said["advisories"], *({status} - {"UpToDate"})}
    word = int.from_bytes(said["attributes"], "little")
    demands = STRICT | policy.get("td_attributes", {})
    unnamed = word & ~sum(1 << bit for bit in BITS.values())
    service, asked = said["mr_service_td"], policy.get("mr_service_td", "zero")
    migrates = word >> BITS["migratable"] & 1
    bound = (
        holds(service, asked) if service else asked == "any" or (asked == "zero" and not migrates)
    )
    host_data = policy["host_data"].replace("genesis", genesis.hex().ljust(96, "0"))
    modules, ppids = policy.get("mr_seam", "any"), policy.get("ppids", "any")
    oldest = timedelta(policy.get("max_collateral_age_d") or 10**6)
    rules = {
        "root": said["root"] in (policy.get("development_roots") or {INTEL_ROOT}),
        "devices": "devices" not in policy,
        "TCB status": status in policy.get("tcb_status", ["UpToDate"]),
        "risks": present <= accepted,
        "TCB evaluation": said["evaluation"] >= policy["min_tcb_evaluation_number"],
        "collateral age": said["age"] <= oldest,
        "platform": ppids == "any" or said["ppid"].hex() in ppids,
        "image": any(is_image(said, image) for image in policy["measurements"]),
        "host data": holds(said["host_data"], host_data),
        "unnamed attributes": demands.get("unnamed", "forbid") == "any" or not unnamed,
        "service guest": bound,
        "owner": holds(said["mr_owner"], policy.get("mr_owner", "any")),
        "owner's data": holds(said["mr_owner_config"], policy.get("mr_owner_config", "any")),
        "module": modules == "any" or said["mr_seam"].hex() in modules,
    }
    for name, bit in BITS.items():
        wanted = ("forbid", "require")[word >> bit & 1]
        rules[f"attribute {name}"] = demands.get(name, "any") in {"any", wanted}
    for name, value in said["flags"].items():
        wanted = ("forbid", "require")[value]
        rules[f"flag {name}"] = policy.get("platform_flags", {}).get(name, "any") in {"any", wanted}
    return [rule for rule, met in rules.items() if not met]
