"""hdf5.py CASE FILE -- turn FILE, a model written by us, into an invalid one.
hdf5.py cases       -- print a line "CASE|exit status|part of the sentence" each."""
import sys

import h5py
import numpy as np

CASES = {}


def case(part, status=65):
    def note(function):
        CASES[function.__name__] = (status, part, function)
        return function
    return note


def plain(f, path, data, sha=True, **more):
    import hashlib
    d = f.create_dataset(path, data=data, track_times=False, **more)
    d.attrs["nyx_dtype"] = np.bytes_({"<f4": "f32", "<u2": "u16", "|u1": "u8"}[d.dtype.str])
    if sha:
        d.attrs["sha256"] = np.bytes_(hashlib.sha256(d[()].tobytes()).hexdigest())
    return d


ONE = np.ones((2, 3), "f4")


@case("'/tensors/x' is a soft link")
def soft_link(f):
    f["tensors/x"] = h5py.SoftLink("/tensors/plain.f32")


@case("'/tensors/x' is an external link")
def external_link(f):
    f["tensors/x"] = h5py.ExternalLink("/etc/other.h5", "/secret")


@case("'/tensors/plain.f32' has more than one name")
def hard_link(f):
    f["tensors/x"] = f["tensors/plain.f32"]


@case("'/tensors' has more than one name")
def group_loop(f):
    f["tensors/loop"] = f["tensors"]


@case("'/tensors/x' keeps its data in another file")
def external_storage(f):
    d = f.create_dataset("tensors/x", (100,), "u1", external=[("/etc/passwd", 0, 100)])
    d.attrs["nyx_dtype"] = np.bytes_("u8")
    d.attrs["sha256"] = np.bytes_("0" * 64)


@case("'/tensors/x' is a virtual dataset")
def virtual(f):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "x", (4,))
    f.create_virtual_dataset("tensors/x", layout)


@case("'/tensors/x' is chunked or filtered")
def chunked(f):
    plain(f, "tensors/x", ONE, chunks=(1, 3))


@case("'/tensors/x' is chunked or filtered")
def deflated(f):
    plain(f, "tensors/x", ONE, compression="gzip")


@case("'/tensors/x' has no attribute sha256")
def no_digest(f):
    plain(f, "tensors/x", ONE, sha=False)


@case("'/tensors/x' has no attribute nyx_dtype")
def no_type(f):
    f["tensors/x"] = ONE


@case("'/tensors/plain.f32' has nyx_dtype 'bf16', which is not stored like this")
def wrong_type(f):
    f["tensors/plain.f32"].attrs["nyx_dtype"] = np.bytes_("bf16")


@case("'/tensors/plain.f32' has nyx_dtype 'f77'")
def unknown_type(f):
    f["tensors/plain.f32"].attrs["nyx_dtype"] = np.bytes_("f77")


@case("do not match their SHA-256")
def wrong_digest(f):
    f["tensors/plain.f32"].attrs["sha256"] = np.bytes_("0" * 64)


@case("the bytes of '/tensors/plain.f32' do not match")
def other_bytes(f):
    f["tensors/plain.f32"][0, 0, 0] = 7


@case("the bytes of '/config' do not match")
def other_config(f):
    f["config"][()] = b'{"name":"sample","width":65}'


@case("has no attribute nyx_dtype")
def compound(f):
    f["tensors/x"] = np.zeros(3, [("a", "f4"), ("b", "i4")])


@case("has no attribute nyx_dtype")
def variable_length(f):
    f.create_dataset("tensors/x", (3,), h5py.vlen_dtype(np.int32))


@case("has an attribute of variable length")
def variable_attribute(f):
    f.attrs["note"] = "h5py writes these as variable"


@case("has the attribute 'who' of a type that no Nyx file has")
def reference(f):
    f["tensors"].attrs["who"] = f["tensors/plain.f32"].ref


@case("is neither group nor dataset")
def named_type(f):
    f["tensors/x"] = np.dtype("f4")


@case("has 9 dimensions")
def rank(f):
    plain(f, "tensors/x", np.ones((1,) * 9, "f4"))


@case("groups deep")
def depth(f):
    f.create_group("a/" * 40)


@case("is a 'model/2.0' file; this program reads model/1.x", 69)
def version(f):
    f.attrs["nyx_file"] = np.bytes_("model/2.0")


@case("is of the unknown kind 'thing/1.0'")
def kind(f):
    f.attrs["nyx_file"] = np.bytes_("thing/1.0")


@case("'/tensors/coded.int4:g32' has 0 bytes of scales")
def no_scales(f):
    del f["tensors/coded.int4:g32/scales"]


@case("'/tensors/coded.int4:g32' has no attribute 'shape'")
def no_shape(f):
    del f["tensors/coded.int4:g32"].attrs["shape"]


@case("'/tensors/coded.int4:g32' has 192 bytes of codes, 384 expected")
def wrong_shape(f):
    f["tensors/coded.int4:g32"].attrs["shape"] = np.array([8, 84])


@case("'/tensors/coded.int4:g32' has an impossible shape")
def huge_shape(f):
    f["tensors/coded.int4:g32"].attrs["shape"] = np.array([2**62, 64])


@case("has the unknown format 'int5:g32'")
def wrong_format(f):
    f["tensors/coded.int4:g32"].attrs["format"] = np.bytes_("int5:g32")


@case("'/tensors/coded.int4:g32'")
def scale_is_nan(f):
    import hashlib
    d = f["tensors/coded.int4:g32/scales"]
    d[0] = np.nan
    d.attrs["sha256"] = np.bytes_(hashlib.sha256(d[()].tobytes()).hexdigest())


@case("is HDF5 but no Nyx file, and has no float datasets under '/tensors'")
def foreign_integers(f):
    del f.attrs["nyx_file"]
    for name in list(f["tensors"]):
        del f["tensors/" + name]
    f["tensors/x"] = np.arange(4)


@case("is HDF5 but no Nyx file, and has no group '/tensors'")
def foreign_empty(f):
    del f.attrs["nyx_file"]
    del f["tensors"]


if sys.argv[1] == "cases":
    for name, (status, part, _) in CASES.items():
        print(f"{name}|{status}|{part}")
else:
    with h5py.File(sys.argv[2], "r+") as f:
        CASES[sys.argv[1]][2](f)
