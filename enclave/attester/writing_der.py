"""Writes the few DER elements (ITU-T X.690) of vendors' extensions, for simulated certificates.

`cleanroom.attestation.formats.der` reads them.
"""

from cleanroom.attestation.formats import der


def element(tag: int, *parts: bytes) -> bytes:
    """An element of these contents, with the shortest length there is."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE of elements."""
    return element(der.SEQUENCE, *parts)


def integer(number: int) -> bytes:
    """An INTEGER that is not negative."""
    return element(der.INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER, from its dotted form."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = bytes([40 * first + second])
    for arc in rest:
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(arc & 0x7F | 0x80)
        content += bytes(reversed(septets))
    return element(der.OID, content)
