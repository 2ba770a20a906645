"""Broken JSON and broken archives for texts.bats.

    texts.py json|archives FOLDER

Writes FOLDER/NAME... and prints NAME a line. All that is whole is called good*.
"""
import bz2
import gzip
import io
import lzma
import os
import struct
import sys
import tarfile
import zipfile
import zlib


def put(name, data):
    with open(os.path.join(sys.argv[2], name), "wb") as f:
        f.write(data)
    print(name)


# ---- JSON -----------------------------------------------------------------------------

def make_json():
    whole = b'{ "model": { "width": 16, "heads": 2, "inner": 16, "h_layers": 1, "l_layers": 1 },\n' \
            b'  "training": { "batch": 8, "steps": 2, "optimizer": { "learning_rate": 1e-2 } } }'
    with_width = lambda value: whole.replace(b'16, "heads"', value + b', "heads"')
    put("good.json", whole)
    cases = {"empty": b"", "blank": b" \n\t ", "nul": b"\0", "brace": b"{", "bracket": b"[", "close": b"}", "comma": b",",
             "word": b"hello", "half": whole[:60], "key": b'{"model"}', "colon": b'{"model":}', "single": b"{'model': 1}",
             "bare": b"{model: 1}", "behind": whole + b"{}", "letter": whole + b"x", "comment": b"// a model\n" + whole,
             "trailing": whole[:-1] + b",}", "twice": whole.replace(b'"heads": 2', b'"width": 8'), "bom": b"\xef\xbb\xbf" + whole,
             "utf-16": whole.decode().encode("utf-16"), "deep": b"[" * 100000, "deep-objects": b'{"a":' * 50000,
             "values": b"[" + b"[]," * 2000000 + b"0]", "keys": b'{"a":1,' * 1000}
    for name, value in {"nan": b"NaN", "infinity": b"Infinity", "zero": b"016", "plus": b"+16", "point": b"16.", "half-real": b".5",
                        "exponent": b"1e", "hex": b"0x10", "huge": b"99999999999999999999", "large": b"1e999", "true": b"tru",
                        "null": b"nulll", "text": b'"16', "control": b'"\x01"', "escape": b'"\\q"', "short-escape": b'"\\u12"',
                        "surrogate": b'"\\ud800"', "low-surrogate": b'"\\udc00"', "nul-escape": b'"\\u0000"', "byte": b'"\xff"',
                        "overlong": b'"\xc0\x80"', "surrogate-bytes": b'"\xed\xa0\x80"', "list": b"[16,]"}.items():
        cases[name] = with_width(value)
    for name, data in cases.items():
        put(name + ".json", data)


# ---- archives -------------------------------------------------------------------------

def flipped(data, at):
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:]


def tar_of(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zip_of(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def with_size(tar, field):
    """the second header with another size, its sum made right"""
    at = 512 + 4096
    head = bytearray(tar[at:at + 512])
    head[124:136] = field
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return tar[:at] + bytes(head) + tar[at + 512:]


def make_archives():
    text = b"".join(b"line %d of a text, %d\n" % (i, i * i % 1009) for i in range(4000))
    one, two = text[:4096], text[4096:9000]
    packers = {"gz": lambda d: gzip.compress(d, mtime=0), "bz2": bz2.compress, "xz": lzma.compress}
    tar, archive = tar_of([("one.txt", one), ("two.txt", two)]), zip_of([("one.txt", one), ("two.txt", text)])
    stored = zip_of([("one.txt", one)], zipfile.ZIP_STORED)
    for kind, pack in packers.items():
        whole = pack(text)
        put("good." + kind, whole)
        for at in (len(whole) // 4, len(whole) // 2, len(whole) - 9, len(whole) - 1):
            put(f"cut-{at}.{kind}", whole[:at])
        put(f"middle.{kind}", flipped(whole, len(whole) // 2))
        put(f"tar-cut.{kind}", pack(tar)[:-20])
        put(f"tar-inside.{kind}", pack(tar[:2000]))
    whole = packers["gz"](text)
    put("sum.gz", flipped(whole, -8))
    put("length.gz", flipped(whole, -3))
    put("good-two.gz", whole + whole + bytes(512))
    put("behind.gz", whole + b"more")
    put("behind-zeros.gz", whole + bytes(7) + whole)
    put("good.tar", tar)
    put("head.tar", tar[:512 + 4096 + 100])
    put("content.tar", tar[:3000])
    put("checksum.tar", flipped(tar, 512 + 4096 + 3))
    put("size-letters.tar", with_size(tar, b"hello world\0"))
    put("size-huge.tar", with_size(tar, b"77777777777\0"))
    put("size-negative.tar", with_size(tar, b"\xff" * 12))
    put("good.zip", archive)
    for at in (20, 600, len(archive) // 2):
        put(f"cut-{at}.zip", archive[:at])
    put("middle.zip", flipped(archive, 4000))
    put("sum.zip", flipped(stored, 60))
    put("method.zip", archive.replace(b"PK\3\4\x14\0\0\0\x08\0", b"PK\3\4\x14\0\0\0\x63\0").replace(
        b"PK\1\2\x14\3\x14\0\0\0\x08\0", b"PK\1\2\x14\3\x14\0\0\0\x63\0"))
    put("secret.zip", archive.replace(b"PK\3\4\x14\0\0\0", b"PK\3\4\x14\0\1\0").replace(
        b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0"))


if __name__ == "__main__":
    {"json": make_json, "archives": make_archives}[sys.argv[1]]()
