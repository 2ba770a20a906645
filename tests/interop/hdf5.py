"""hdf5.py check FILE  -- h5py reads what `files write` wrote, by schemas/README.md
hdf5.py make FILE   -- a foreign file of many layouts and types
hdf5.py list FILE   -- a line a numeric dataset, as `files foreign` prints it
"""
import hashlib
import sys

import h5py
import numpy as np

STORED = {  # nyx_dtype -> how h5py must see it
    "f32": "<f4", "f64": "<f8", "f16": "<f2", "bf16": "<u2", "fp8-e4m3": "|u1", "fp8-e5m2": "|u1",
    "i8": "|i1", "u8": "|u1", "i16": "<i2", "u16": "<u2", "i32": "<i4", "u32": "<u4", "i64": "<i8", "u64": "<u8",
}


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def check_dataset(d):
    data = d[()].tobytes()
    kind = d.id.get_create_plist()
    assert d.chunks is None and d.compression is None and kind.get_nfilters() == 0, d.name
    assert kind.get_layout() == h5py.h5d.CONTIGUOUS and kind.get_external_count() == 0, d.name
    assert text(d.attrs["sha256"]) == hashlib.sha256(data).hexdigest(), d.name
    assert h5py.h5o.get_info(d.id).rc == 1, d.name
    if d.dtype.kind != "S":
        assert d.dtype.str == STORED[text(d.attrs["nyx_dtype"])], d.name
    return data


def check(path):
    f = h5py.File(path, "r")
    assert text(f.attrs["nyx_file"]) == "model/1.0"
    assert text(f.attrs["nyx_history"]) == "files 1.0 write"
    assert f["config"][()] == b'{"name":"sample","width":64}'
    assert f["state"].attrs["step"] == 12
    f.visititems(lambda name, o: check_dataset(o) and None if isinstance(o, h5py.Dataset) else None)
    for d, name in enumerate(STORED):  # the order of enum nyx_dtype
        t = f["tensors/plain." + name]
        assert t.shape == (2, 3, 5), t.name
        want = bytes((i * 37 + d) % 64 for i in range(t.size * t.dtype.itemsize))
        assert t[()].tobytes() == want, t.name

    # int8:channel, decoded by the README: code x scale of its row
    g = f["tensors/coded.int8:channel"]
    assert text(g.attrs["format"]) == "int8:channel" and list(g.attrs["shape"]) == [4, 64]
    i = np.arange(256)
    values = ((i * 29 % 255 - 127) * (1 + i // 64)).reshape(4, 64)
    decoded = g["codes"][()].view("i1").reshape(4, 64).astype("f8") * g["scales"][()].astype("f8").reshape(4, 1)
    assert np.abs(decoded - values).max() <= np.abs(values).max() / 127 * 0.51
    print("ok")


def make(path):
    rng = np.random.default_rng(1)
    f = h5py.File(path, "w")
    for i, t in enumerate(["<f4", ">f4", "<f8", ">f8", "<f2", ">f2", "i1", "u1", "<i2", ">i2", "<u4", ">u4",
                           "<i8", ">i8", "<u8", ">u2"]):
        value = (rng.standard_normal((13, 7)) * 50).astype(t)
        f[f"plain/{i}"] = value
        f.create_dataset(f"deep/er/{i}", data=value, chunks=(5, 3), compression="gzip", shuffle=True, fletcher32=True)
        f.create_dataset(f"growing/{i}", data=value, chunks=(4, 7), maxshape=(None, 7))
    f["bool"] = np.array([True, False, True])
    f["scalar"] = np.float64(2.5)
    f["empty"] = np.zeros((0, 3), "f4")
    f.create_dataset("late", (50,), "f4", fillvalue=1.5)  # never written
    space = h5py.h5s.create_simple((6,))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    h5py.h5d.create(f.id, b"compact", h5py.h5t.STD_I32LE, space, plist).write(
        h5py.h5s.ALL, h5py.h5s.ALL, np.arange(6, dtype="i4"))
    f["words"] = "not a number"
    f.attrs["names"] = ["one", "two"]
    f.close()


def list_all(path):
    names = {("f", 4): "f32", ("f", 8): "f64", ("f", 2): "f16", ("b", 1): "i8"}
    lines = []

    def visit(name, d):
        if not isinstance(d, h5py.Dataset) or d.dtype.kind not in "iufb":
            return
        kind = names.get((d.dtype.kind, d.dtype.itemsize), f"{d.dtype.kind}{8 * d.dtype.itemsize}")
        data = np.ascontiguousarray(d[()]).astype(d.dtype.newbyteorder("<")).tobytes()
        shape = "[" + ", ".join(map(str, d.shape)) + "]"
        lines.append(("/" + name, f"{kind} {shape} {hashlib.sha256(data).hexdigest()}"))

    f = h5py.File(path, "r")
    f.visititems(visit)
    for line in sorted(lines):
        print(*line)


{"check": check, "make": make, "list": list_all}[sys.argv[1]](sys.argv[2])
