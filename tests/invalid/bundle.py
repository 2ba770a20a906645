"""bundle.py FOLDER -- hostile bundles, each FOLDER/NAME.tar.zst, and FOLDER/cases:
lines NAME|TEXT, what the one line about it must contain.

Each ends with the right SHA-256: what is wrong is what its name says. A bundle
is described in docs/bundle.md. `bundle.py --good FOLDER` writes good.tar.zst
alone: the same maker, nothing wrong. `bundle.py --flip GOOD COUNT OUT` writes
COUNT copies OUT.N of a bundle, one bit turned in each; with --flip-inside the
bit is one of the archive, behind the manifest, and the frame and the digest at
the end are made anew.
"""
import hashlib
import json
import random
import subprocess
import sys


def packed(data):
    return subprocess.run(["zstd", "-3", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def closed(frame):
    digest = hashlib.sha256(frame).hexdigest().encode()
    return frame + b"\x5e\x2a\x4d\x18\x4c\0\0\0nyx-sha256/1" + digest


def header(name, size, kind=b"0", mode=b"0000644\0", link=b"", mtime=b"00000000000\0", magic=b"ustar\x0000", size_field=None,
           sum_off=0):
    name = name if isinstance(name, bytes) else name.encode()
    prefix = b""
    if len(name) > 100:
        at = name.index(b"/", len(name) - 101)
        prefix, name = name[:at], name[at + 1:]
    field = size_field or b"%011o\0" % size
    h = (name[:100].ljust(100, b"\0") + mode + b"0000000\0" * 2 + field + mtime + b" " * 8 + kind + link.ljust(100, b"\0")
         + magic + b"\0" * 64 + b"0000000\0" * 2 + prefix.ljust(155, b"\0") + b"\0" * 12)
    assert len(h) == 512
    return h[:148] + b"%06o\0 " % (sum(h) + sum_off) + h[156:]


def member(name, data, **how):
    return header(name, len(data), **how) + data + b"\0" * (-len(data) % 512)


def entry(name, data):
    return {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "kind": "other"}


def manifest(entries, **change):
    m = {"schema": "nyx.bundle-manifest/1", "files": entries,
         "totals": {"files": len(entries), "bytes": sum(e["bytes"] for e in entries)}}
    m.update(change)
    return member("nyx-bundle.json", json.dumps(m).encode())


END = b"\0" * 1024
A, B = b"alpha\n" * 200, b"beta\n"
FILES = [("a.txt", A), ("sub/b.txt", B)]
ENTRIES = [entry(*f) for f in FILES]
GOOD = manifest(ENTRIES) + b"".join(member(*f) for f in FILES)


def named(*names):
    """A bundle that lists and holds files of these names."""
    return manifest([entry(n, B) for n in names]) + b"".join(member(n, B) for n in names) + END


def with_member(*extra):
    """A good bundle whose last member is replaced by `extra`."""
    return manifest(ENTRIES) + member(*FILES[0]) + b"".join(extra) + END


def cases():
    link = dict(kind=b"2", link=b"/tmp")
    # names
    yield "absolute", "member '/etc/evil' has an absolute name", named("/etc/evil")
    yield "up", "member '../evil' has a part '..'", named("../evil")
    yield "up-inside", "member 'a/../../evil' has a part '..'", named("a/../../evil")
    yield "here", "member './evil' has a part '.'", named("./evil")
    yield "empty-part", "member 'a//evil' has an empty part", named("a//evil")
    yield "slash-behind", "member 'evil/' has an empty part", named("evil/")
    yield "no-name", "'files.0.name'", named("")
    yield "escape", "member '\\x1b[31mevil' has a name with control", named("\x1b[31mevil")
    yield "newline", "member 'a\\x0aevil' has a name with control", named("a\nevil")
    yield "delete", "member 'a\\x7f' has a name with control", named("a\x7f")
    yield "c1", "has a name with control", named("a\u0085b")
    yield "turned", "has a name with control", named("a\u202egpj.exe")
    yield "not-utf8", "member 'a\\xffb' has a name with control", with_member(member(b"a\xffb", B))
    yield "overlong-utf8", "member '..\\xc0\\xafevil' has a name with control", with_member(member(b"..\xc0\xafevil", B))
    yield "nul-inside", "member 'sub' has an owner, mode, time or form", with_member(member(b"sub\0../evil", B))
    yield "long", "has a name of more than 255 bytes", manifest([entry("d/" * 20 + "x" * 300, B)]) + END
    yield "long-last", "has a last part of more than 100 bytes", manifest([entry("x" * 120, B)]) + END
    yield "deep", "lies more than 32 folders deep", named("d/" * 32 + "x")
    yield "own-name", "member 'nyx-bundle.json' has the name of the manifest", named("nyx-bundle.json")
    yield "case", "'A.txt' and 'a.txt' have names that differ only in case", named("A.txt", "a.txt")
    yield "case-of-folder", "lie in folders whose names differ only in case", named("Run/a", "run/b")
    yield "file-and-folder", "'a' and 'a/b' cannot both be", named("a", "a-b", "a/b")
    yield "twice-listed", "member 'a' comes twice in the manifest", named("a", "a")
    yield "unsorted", "member 'a' is not in order", named("b", "a")
    # kinds
    yield "hard-link", "member 'sub/b.txt' is a hard link", with_member(header("sub/b.txt", 0, kind=b"1", link=b"/etc/passwd"))
    yield "symbolic-link", "member 'sub/b.txt' is a symbolic link", with_member(header("sub/b.txt", 0, **link))
    yield "link-then-write", "member 'sub' is a symbolic link", with_member(header("sub", 0, **link), member("sub/b.txt", B))
    yield "character-device", "member 'sub/b.txt' is a character device", with_member(header("sub/b.txt", 0, kind=b"3"))
    yield "block-device", "member 'sub/b.txt' is a block device", with_member(header("sub/b.txt", 0, kind=b"4"))
    yield "folder", "member 'sub' is a folder", with_member(header("sub", 0, kind=b"5"), member("sub/b.txt", B))
    yield "fifo", "member 'sub/b.txt' is a FIFO", with_member(header("sub/b.txt", 0, kind=b"6"))
    yield "sparse", "member 'sub/b.txt' is a sparse file", with_member(member("sub/b.txt", B, kind=b"S"))
    yield "contiguous", "member 'sub/b.txt' is of an unknown type", with_member(member("sub/b.txt", B, kind=b"7"))
    yield "old-type", "member 'sub/b.txt' is of an unknown type", with_member(member("sub/b.txt", B, kind=b"\0"))
    yield "pax", "member 'x' is a pax header", with_member(member("x", b"20 path=../../evil\n\n", kind=b"x"), member("sub/b.txt", B))
    yield "pax-global", "member 'x' is a pax header", with_member(member("x", b"14 mtime=1e99\n", kind=b"g"), member("sub/b.txt", B))
    yield "gnu-name", "member 'L' is a long name of GNU tar", with_member(member("L", b"../evil\0", kind=b"L"), member("x", B))
    # headers
    yield "set-uid", "member 'sub/b.txt' has an owner, mode", with_member(member("sub/b.txt", B, mode=b"0004755\0"))
    yield "time", "member 'sub/b.txt' has an owner, mode, time", with_member(member("sub/b.txt", B, mtime=b"17777777777\0"))
    yield "gnu-magic", "member 'sub/b.txt' has an owner, mode, time or form", with_member(member("sub/b.txt", B, magic=b"ustar  \0"))
    yield "old-magic", "a member begins with no tar header", with_member(member("sub/b.txt", B, magic=b"\0" * 8))
    yield "wrong-sum", "a member begins with no tar header", with_member(member("sub/b.txt", B, sum_off=1))
    yield "size-below-zero", "member 'sub/b.txt' has a size that no file", with_member(
        header("sub/b.txt", 0, size_field=b"\x80" + b"\xff" * 11))
    yield "size-not-octal", "member 'sub/b.txt' has a size that no file", with_member(header("sub/b.txt", 0, size_field=b"0000000009x\0"))
    yield "size-of-exabytes", "member 'sub/b.txt' has another size", with_member(
        header("sub/b.txt", 0, size_field=b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7))
    # what is there
    yield "extra", "member 'z' is not in the manifest", GOOD + member("z", B) + END
    yield "extra-between", "member 'b' is not in the manifest", with_member(member("b", B), member("sub/b.txt", B))
    yield "twice", "member 'a.txt' comes twice", with_member(member("a.txt", A), member("sub/b.txt", B))
    yield "missing", "member 'sub/b.txt' is missing", with_member()
    yield "out-of-place", "member 'a.txt' is missing, or not in its place", manifest(ENTRIES) + member(*FILES[1]) + END
    yield "size", "member 'sub/b.txt' has another size", with_member(member("sub/b.txt", B + b"x"))
    yield "contents", "member 'sub/b.txt' has another SHA-256", with_member(member("sub/b.txt", b"bexa\n"))
    yield "padding", "member 'sub/b.txt' is followed by bytes that are not zero", manifest(ENTRIES) + member(*FILES[0]) + member(
        "sub/b.txt", B)[:-1] + b"x" + END
    yield "cut", "member 'sub/b.txt' is cut short", GOOD[:-600]
    yield "cut-in-contents", "member 'a.txt' is cut short", GOOD[:len(manifest(ENTRIES)) + 700]
    yield "no-end", "a member is cut short", GOOD
    yield "half-end", "a member is cut short", GOOD + END[:512]
    yield "second-end", "a member comes behind the end", GOOD + END[:1023] + b"x"
    yield "behind-end", "a member comes behind the end", GOOD + END + b"\0"
    yield "zeros-behind-end", "a member comes behind the end", GOOD + b"\0" * (20 << 20)
    # the manifest
    yield "no-manifest", "member 'a.txt' comes first, where a bundle has its manifest", b"".join(member(*f) for f in FILES) + END
    yield "no-json", "'no-json.tar.zst(nyx-bundle.json)': line 1", member("nyx-bundle.json", b"{") + END
    yield "unknown-key", "unknown key 'evil'", manifest(ENTRIES, evil=1) + END
    yield "other-version", "'schema' is \"nyx.bundle-manifest/2\"", manifest(ENTRIES, schema="nyx.bundle-manifest/2") + END
    yield "no-files", "'files'", manifest([]) + END
    yield "totals", "its totals are not those of its files", manifest(ENTRIES, totals={"files": 2, "bytes": 1}) + END
    yield "below-zero", "'files.0.bytes' is -1", manifest([dict(ENTRIES[0], bytes=-1)]) + END
    yield "no-digest", "member 'a.txt' has no SHA-256", manifest([dict(ENTRIES[0], sha256="z" * 64)]) + END
    yield "sum-overflows", "member 'b' makes the sum of sizes overflow", manifest(
        [dict(entry(n, B), bytes=(1 << 63) - 1) for n in "ab"], totals={"files": 2, "bytes": 1}) + END
    yield "manifest-of-gigabytes", "member 'nyx-bundle.json' is longer than 32 MiB", header("nyx-bundle.json", 1 << 30)
    yield "manifest-of-brackets", "member 'nyx-bundle.json' lists more", member("nyx-bundle.json", b"[" * (31 << 20)) + END
    yield "manifest-of-numbers", "member 'nyx-bundle.json' lists more", member("nyx-bundle.json", b"[" + b"1," * (15 << 20) + b"1]") + END
    yield "manifest-of-nothings", "key 'files.0.name' is missing", member("nyx-bundle.json", b'{"schema":"nyx.bundle-manifest/1","files":[' + b"{}," * 250000 +
                                                     b'{}],"totals":{"files":250001,"bytes":0}}') + END
    yield "manifest-deep", "nyx-bundle.json", member("nyx-bundle.json", b"[" * 200000) + END
    yield "too-many", "a number of elements of at most 100000", manifest([dict(ENTRIES[0], name="%06d" % i) for i in range(100001)]) + END
    yield "too-many-folders", "is in one folder too many", manifest(
        [dict(ENTRIES[1], name="%05d/" % i + "d/" * 20 + "x") for i in range(5000)]) + END
    # sizes
    yield "bomb-of-zeros", "more than 1000 for each", (lambda z: manifest([entry("z", z)]) + member("z", z) + END)(b"\0" * (40 << 20))
    yield "bomb-of-words", "holds 1099511627776 bytes, at most 68719476736 are allowed", manifest([dict(ENTRIES[0], bytes=1 << 40)]) + END


def frames():
    """Bundles whose frame itself is odd: already packed."""
    tar = GOOD + END
    yield "packed-twice", "member 'nyx-bundle.json' is cut short", closed(packed(packed(tar)))
    yield "not-packed", "it holds no whole zstd frame", closed(tar)
    yield "gzip", "it holds no whole zstd frame", closed(subprocess.run(["gzip", "-c"], input=tar, stdout=subprocess.PIPE).stdout)
    # a window of 2 GiB, one raw block (RFC 8878, 3.1.1.1.2)
    yield "window", "it holds no whole zstd frame", closed(b"\x28\xb5\x2f\xfd\x00\xa8" + b"\x01\x10\x00" + tar[:512])
    yield "half-frame", "it holds no whole zstd frame", closed(packed(tar)[:-40])
    yield "rubbish-in-frame", "it holds no whole zstd frame", closed(packed(tar) + b"rubbish behind the frame")
    yield "no-trailer", "does not end as a bundle ends", packed(tar)
    yield "trailer-twice", "do not match the SHA-256", closed(packed(tar)) + closed(packed(tar))[-84:]
    yield "rubbish-behind", "does not end as a bundle ends", closed(packed(tar)) + b"x"
    yield "capitals", "do not match the SHA-256", (lambda f: f[:-64] + f[-64:].upper())(closed(packed(tar)))
    yield "short", "does not end as a bundle ends", closed(packed(tar))[:-1]
    yield "tiny", "is too short", b"\x28\xb5\x2f\xfd"
    yield "empty", "it is empty", b""


def flip(source, count, out, inside):
    whole = open(source, "rb").read()
    data = subprocess.run(["zstd", "-q", "-d", "-c", source], stdout=subprocess.PIPE, check=True).stdout if inside else whole
    first = 1024 + int(data[124:135], 8) // 512 * 512 if inside else 0  # behind the manifest and its padding
    choose = random.Random(7)
    for n in range(count):
        at, bad = choose.randrange(first, len(data)), bytearray(data)
        bad[at] ^= 1 << choose.randrange(8)
        open("%s.%d" % (out, n), "wb").write(closed(packed(bytes(bad))) if inside else bytes(bad))


if sys.argv[1] == "--good":
    open(sys.argv[2] + "/good.tar.zst", "wb").write(closed(packed(GOOD + END)))
elif sys.argv[1].startswith("--flip"):
    flip(sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[1] == "--flip-inside")
else:
    with open(sys.argv[1] + "/cases", "w") as listing:
        for name, text, tar in cases():
            open("%s/%s.tar.zst" % (sys.argv[1], name), "wb").write(closed(packed(tar)))
            print(name, text, sep="|", file=listing)
        for name, text, data in frames():
            open("%s/%s.tar.zst" % (sys.argv[1], name), "wb").write(data)
            print(name, text, sep="|", file=listing)
