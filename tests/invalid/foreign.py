"""Small models of other programs, whole and broken, for nyx-convert.bats.

    foreign.py KIND FOLDER     KIND: gguf safetensors index llama2c mingpt

Writes FOLDER/NAME... and prints a line a case: status TAB input TAB a text that
the error must contain. The cases called good* are whole: status 0.
"""
import base64
import json
import os
import struct
import sys

D, H, K, I, L, V, T = 32, 2, 1, 64, 1, 6, 16  # width heads kv-heads inner layers vocabulary context
NAN, INF = struct.pack("<f", float("nan")), struct.pack("<f", float("inf"))


def floats(n, seed=1):
    return b"".join(struct.pack("<f", ((i * 37 + seed * 11) % 101 - 50) / 64) for i in range(n))


def llama(hf):
    """name, shape of each tensor, in HF's or GGUF's words"""
    kv = D // H * K
    block = [("input_layernorm", "attn_norm", (D,)), ("self_attn.q_proj", "attn_q", (D, D)),
             ("self_attn.k_proj", "attn_k", (kv, D)), ("self_attn.v_proj", "attn_v", (kv, D)),
             ("self_attn.o_proj", "attn_output", (D, D)), ("post_attention_layernorm", "ffn_norm", (D,)),
             ("mlp.gate_proj", "ffn_gate", (I, D)), ("mlp.up_proj", "ffn_up", (I, D)),
             ("mlp.down_proj", "ffn_down", (D, I))]
    out = [("model.embed_tokens" if hf else "token_embd", (V, D)), ("model.norm" if hf else "output_norm", (D,))]
    out += [(("model.layers.0." + a) if hf else ("blk.0." + b), s) for a, b, s in block]
    return [(n + ".weight", s) for n, s in out]


def count(shape):
    n = 1
    for d in shape:
        n *= d
    return n


class Cases:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def add(self, name, data, text, status=65):
        with open(os.path.join(self.folder, name), "wb") as f:
            f.write(data)
        print(status, name, text, sep="\t")


# ---- GGUF ---------------------------------------------------------------------------

U32, F32, BOOL, TEXT, ARRAY, U64 = 4, 6, 7, 8, 9, 10


def text(s):
    s = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(s)) + s


def u32(v):
    return struct.pack("<II", U32, v)


def keys(**change):
    out = {"general.architecture": struct.pack("<I", TEXT) + text("llama"),
           "llama.embedding_length": u32(D), "llama.feed_forward_length": u32(I), "llama.block_count": u32(L),
           "llama.attention.head_count": u32(H), "llama.attention.head_count_kv": u32(K),
           "llama.context_length": u32(T),
           "llama.attention.layer_norm_rms_epsilon": struct.pack("<If", F32, 1e-5)}
    for k, v in change.items():
        k = k.replace("__", ".")
        if v is None:
            del out[k]
        else:
            out[k] = v
    return [(k, v) for k, v in out.items()]


class Tensor:
    def __init__(self, name, shape, data=None, kind=0, dims=None, offset=None):
        self.name, self.shape, self.kind, self.dims, self.offset = name, shape, kind, dims, offset
        self.data = floats(count(shape), len(name)) if data is None else data


def gguf(kv=None, tensors=None, version=3, counts=None, alignment=32, tail=b"", hole=None, raw=False):
    kv = keys() if kv is None else kv
    tensors = [Tensor(n, s) for n, s in llama(False)] if tensors is None else tensors
    data, info = b"", b""
    for i, t in enumerate(tensors):
        if i == hole:
            data += b"\0" * 4 * alignment
        dims = t.dims or tuple(reversed(t.shape))
        info += text(t.name) + struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", d) for d in dims)
        info += struct.pack("<IQ", t.kind, len(data) if t.offset is None else t.offset)
        data += t.data
        data += b"\0" * (-len(data) % alignment)
    n, k = counts or (len(tensors), len(kv))
    head = b"GGUF" + struct.pack("<IQQ", version, n, k)
    for key, value in kv:
        head += text(key) + value
    head += info
    return head if raw else head + b"\0" * (-len(head) % alignment) + data + tail


def with_tensor(i, **change):
    out = [Tensor(n, s) for n, s in llama(False)]
    for k, v in change.items():
        setattr(out[i], k, v)
    return out


def extra(*more):
    return [Tensor(n, s) for n, s in llama(False)] + list(more)


def array(kind, n, data=b""):
    return struct.pack("<IIQ", ARRAY, kind, n) + data


def make_gguf(c):
    good = gguf()
    c.add("good.gguf", good, "", 0)
    c.add("good-v2.gguf", gguf(version=2), "", 0)
    c.add("good-nested.gguf", gguf(keys(a=array(ARRAY, 1, struct.pack("<IQ", U32, 1) + b"\1\0\0\0"))), "", 0)
    c.add("empty.gguf", b"", "the file is empty")
    c.add("magic.gguf", b"GGUF", "the header: the file ends at byte 4")
    for cut in (7, 20, 40, 150, 420, 700):
        c.add(f"cut-{cut}.gguf", good[:cut], "the file ends at byte" if cut < 40 else "")
    c.add("cut-1.gguf", good[:-40], "the file has")
    c.add("version.gguf", gguf(version=7), "GGUF version 7 is unknown")
    c.add("version-1.gguf", gguf(version=1), "version 1", 69)
    c.add("tensors-huge.gguf", gguf(counts=(1 << 63, 8)), "cannot be in a file of")
    c.add("tensors-more.gguf", gguf(counts=(12, 8)), "")
    c.add("keys-huge.gguf", gguf(counts=(11, (1 << 64) - 1)), "cannot be in a file of")
    c.add("text-huge.gguf", gguf([("a", struct.pack("<IQ", TEXT, 1 << 40))]), "a text of 1099511627776 bytes")
    c.add("text-long.gguf", gguf([("a", struct.pack("<IQ", TEXT, 1 << 19))]), "a text of 524288 bytes")
    c.add("text-wrap.gguf", gguf([("a", struct.pack("<IQ", TEXT, (1 << 64) - 8))]), "a text of")
    c.add("utf-8.gguf", gguf(keys(general__architecture=struct.pack("<I", TEXT) + text(b"ll\xffma"))), "is no UTF-8")
    c.add("nul.gguf", gguf(keys(general__architecture=struct.pack("<I", TEXT) + text(b"llama\0"))), "is no UTF-8")
    c.add("surrogate.gguf", gguf(keys(x=struct.pack("<I", TEXT) + text(b"\xed\xa0\x80"))), "is no UTF-8")
    c.add("key-empty.gguf", gguf(keys() + [("", u32(1))]), "has a name of 0 bytes")
    c.add("key-long.gguf", gguf(keys() + [("k" * 300, u32(1))]), "has a name of 300 bytes")
    c.add("key-double.gguf", gguf(keys() + [("llama.block_count", u32(1))]), "two keys are called 'llama.block_count'")
    c.add("value-type.gguf", gguf(keys(a=struct.pack("<II", 99, 1))), "key 'a': a value of the unknown type 99")
    c.add("array-type.gguf", gguf(keys(a=array(77, 1))), "an array of the unknown type 77")
    c.add("array-huge.gguf", gguf(keys(a=array(0, 1 << 62))), "an array of 4611686018427387904 elements")
    c.add("array-wrap.gguf", gguf(keys(a=array(U64, (1 << 61) + 1))), "elements, the file has only")
    c.add("array-text.gguf", gguf(keys(a=array(TEXT, 1 << 20))), "an array of 1048576 elements")
    deep = b"".join(struct.pack("<IQ", ARRAY, 1) for _ in range(9))
    c.add("array-deep.gguf", gguf(keys(a=struct.pack("<I", ARRAY) + deep + struct.pack("<IQ", U32, 0))), "more than 4 deep")
    c.add("array-many.gguf", gguf(keys(a=array(0, (1 << 21) + 1, bytes((1 << 21) + 1)))), "key 'a': more than 2097152 elements")
    c.add("array-arrays.gguf", gguf(keys(a=array(ARRAY, 1 << 20, struct.pack("<IQ", 0, 0) * (1 << 20)))), "more than 2097152 elements")
    c.add("bool.gguf", gguf(keys(a=struct.pack("<IB", BOOL, 2))), "2 is no truth value")
    c.add("nan-key.gguf", gguf(keys(a=struct.pack("<I", F32) + NAN)), "key 'a': a number is not finite")
    c.add("u64.gguf", gguf(keys(a=struct.pack("<IQ", U64, 1 << 63))), "is too large")
    for name, value in (("0", u32(0)), ("3", u32(3)), ("huge", u32(1 << 30)), ("text", struct.pack("<I", TEXT) + text("32"))):
        c.add(f"alignment-{name}.gguf", gguf(keys(general__alignment=value)), "'general.alignment' is no power of two")
    c.add("rank.gguf", gguf(tensors=with_tensor(0, dims=(2, 2, 2, 2, 2))), "has 5 dimensions")
    c.add("rank-huge.gguf", gguf(tensors=with_tensor(0, dims=(1,) * 200)), "has 200 dimensions")
    c.add("dims-overflow.gguf", gguf(tensors=with_tensor(0, dims=(1 << 40, 1 << 40))), "their product is too large")
    c.add("dims-wrap.gguf", gguf(tensors=with_tensor(0, dims=(1 << 62, 4))), "has a dimension of")
    c.add("dims-large.gguf", gguf(tensors=with_tensor(0, dims=(D, 1 << 30))), "tensor '")
    c.add("offset-odd.gguf", gguf(tensors=with_tensor(3, offset=4)), "outside the file or no multiple of 32")
    c.add("offset-far.gguf", gguf(tensors=with_tensor(3, offset=1 << 40)), "outside the file or no multiple of 32")
    c.add("offset-wrap.gguf", gguf(tensors=with_tensor(3, offset=(1 << 64) - 32)), "outside the file or no multiple of 32")
    c.add("overlap.gguf", gguf(tensors=with_tensor(3, offset=0)), "overlaps what ends at byte")
    c.add("hole.gguf", gguf(hole=4), "128 bytes in front of tensor")
    c.add("tail.gguf", gguf(tail=b"\0" * 100), "100 bytes behind the last tensor")
    c.add("type.gguf", gguf(tensors=with_tensor(1, kind=999)), "is of the unknown type 999")
    c.add("type-iq1.gguf", gguf(tensors=with_tensor(1, kind=19)), "IQ1_S, which is not decoded here", 69)
    c.add("type-int.gguf", gguf(tensors=with_tensor(1, kind=26)), "holds integers (I32)")
    c.add("type-wider.gguf", gguf(tensors=with_tensor(10, kind=28)), "")
    c.add("block-row.gguf", gguf(tensors=extra(Tensor("x", (2, 33), kind=2, data=b"\0" * 64))), "are no whole blocks of 32 (Q4_0)")
    c.add("double.gguf", gguf(tensors=extra(Tensor("output_norm.weight", (D,)))), "two tensors are called 'output_norm.weight'")
    c.add("name-empty.gguf", gguf(tensors=with_tensor(0, name="")), "has 0 bytes")
    c.add("name-long.gguf", gguf(tensors=with_tensor(0, name="n" * 600)), "its name has 600 bytes")
    c.add("name-control.gguf", gguf(tensors=with_tensor(0, name="a\nb")), "holds a control character")
    c.add("missing.gguf", gguf(tensors=extra()[:-1]), "tensor 'blk.0.ffn_down.weight' is missing")
    c.add("more.gguf", gguf(tensors=extra(Tensor("blk.1.attn_q.weight", (D, D)))), "'blk.1.attn_q.weight' has no place")
    c.add("shape.gguf", gguf(tensors=with_tensor(3, dims=(D * D,))), "is [1024], the configuration asks for [32, 32]")
    c.add("no-architecture.gguf", gguf(keys(general__architecture=None)), "'general.architecture' is missing")
    c.add("architecture.gguf", gguf(keys(general__architecture=struct.pack("<I", TEXT) + text("mamba"))), "'mamba' is not known", 69)
    c.add("no-blocks.gguf", gguf(keys(llama__block_count=None)), "'llama.block_count' is missing")
    c.add("blocks-text.gguf", gguf(keys(llama__block_count=struct.pack("<I", TEXT) + text("1"))), "'llama.block_count' is no whole number")
    c.add("blocks-many.gguf", gguf(keys(llama__block_count=u32(200))), "asks for 1802 tensors")
    c.add("blocks-huge.gguf", gguf(keys(llama__block_count=u32(1 << 30))), "")
    c.add("heads-0.gguf", gguf(keys(llama__attention__head_count=u32(0))), "'llama.attention.head_count' is no whole number")
    c.add("heads-5.gguf", gguf(keys(llama__attention__head_count=u32(5))), "")
    c.add("vocabulary.gguf", gguf(keys(llama__vocab_size=u32(9))), "'llama.vocab_size' is not the number of rows")
    c.add("nan.gguf", gguf(tensors=with_tensor(0, data=floats(V * D - 1) + NAN)), "'token_embd.weight' holds a value that is not finite")
    bad = struct.pack("<H", 0x7c00) + b"\x88" * 16
    c.add("block-inf.gguf", gguf(tensors=with_tensor(3, kind=2, data=bad * D)), "tensor 'blk.0.attn_q.weight'")


# ---- safetensors --------------------------------------------------------------------

CONFIG = {"model_type": "llama", "hidden_size": D, "num_attention_heads": H, "num_key_value_heads": K,
          "intermediate_size": I, "num_hidden_layers": L, "vocab_size": V, "max_position_embeddings": T,
          "tie_word_embeddings": True, "rms_norm_eps": 1e-5}


def header(tensors=None, config=CONFIG):
    head, at = {}, 0
    if config is not None:
        head["__metadata__"] = {"config": config if isinstance(config, str) else json.dumps(config)}
    for name, shape in tensors or llama(True):
        size = 4 * count(shape)
        head[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    return head, at


def safe(head, data, length=None):
    raw = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def changed(name=None, field=None, value=None, data=None, **options):
    head, size = header(**options)
    if field:
        head[name][field] = value
    return safe(head, floats(size // 4) if data is None else data)


def make_safetensors(c):
    head, size = header()
    data, norm, q = floats(size // 4), "model.norm.weight", "model.layers.0.self_attn.q_proj.weight"
    good = safe(head, data)
    ext = ".safetensors"
    c.add("good" + ext, good, "", 0)
    c.add("empty" + ext, b"", "the file is empty")
    c.add("short" + ext, b"\1\0\0\0", "")
    c.add("length" + ext, safe(head, b"", 1 << 40), "is longer than the file")
    c.add("length-wrap" + ext, safe(head, b"", (1 << 64) - 4), "is longer than the file")
    c.add("length-0" + ext, struct.pack("<Q", 0) + data, "")
    c.add("header-large" + ext, struct.pack("<Q", 17 << 20) + b"{" + b" " * (17 << 20), "at most 16777216 are read")
    c.add("cut-header" + ext, good[:200], "is longer than the file")
    c.add("cut-data" + ext, good[:-4], "")
    c.add("tail" + ext, good + b"\0", "1 bytes behind the last tensor")
    c.add("text" + ext, safe(b"{hello}", b""), "line 1")
    c.add("array" + ext, safe(b"[1]", b""), "")
    c.add("behind" + ext, safe(json.dumps(head).encode() + b" {}", data), "")
    c.add("double" + ext, safe(b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}', b""), "")
    c.add("deep" + ext, safe(b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}", b""), "")
    c.add("utf-8" + ext, safe(b'{"a\xff":1}', b""), "")
    for name, value in (("numbers", b"0"), ("texts", b'""'), ("objects", b"{}")):
        c.add(f"{name}{ext}", safe(b'{"a":[' + b",".join([value] * 5000000) + b"]}", b""), "line 1: more values than")
    c.add("config-text" + ext, safe(header(config="{")[0], data), "'config' in '__metadata__'")
    c.add("dtype" + ext, changed(norm, "dtype", "F99"), "'model.norm.weight' is of the unknown type 'F99'")
    c.add("dtype-number" + ext, changed(norm, "dtype", 4), "must have exactly dtype, shape and data_offsets")
    c.add("dtype-wider" + ext, changed(norm, "dtype", "F64"), "F64 of its shape takes 256 bytes, 'data_offsets' give 128")
    c.add("dtype-int" + ext, changed(norm, "dtype", "I32"), "holds integers (I32)")
    c.add("dtype-f4" + ext, changed(norm, "dtype", "F4"), "unknown type 'F4'", 69)
    c.add("extra-key" + ext, changed(norm, "strides", [1]), "must have exactly dtype, shape and data_offsets")
    del head[norm]["shape"]
    c.add("no-shape" + ext, safe(head, data), "'model.norm.weight' must have exactly")
    c.add("tensor-number" + ext, safe({"a": 1}, b""), "'a' must have exactly")
    c.add("shape-text" + ext, changed(norm, "shape", "32"), "'shape' is no array")
    c.add("shape-negative" + ext, changed(norm, "shape", [-32]), "element 0 of 'shape' is no whole number")
    c.add("shape-real" + ext, changed(norm, "shape", [32.0]), "element 0 of 'shape' is no whole number")
    c.add("shape-rank" + ext, changed(norm, "shape", [1] * 9 + [32]), "'shape' is no array of up to 8")
    c.add("shape-overflow" + ext, changed(norm, "shape", [1 << 40, 1 << 40]), "their product is too large")
    c.add("shape-other" + ext, changed(norm, "shape", [16]), "takes 64 bytes, 'data_offsets' give 128")
    c.add("offsets-reversed" + ext, changed(norm, "data_offsets", [128, 0]), "are no place inside the file")
    c.add("offsets-far" + ext, changed(norm, "data_offsets", [0, 1 << 50]), "are no place inside the file")
    c.add("offsets-negative" + ext, changed(norm, "data_offsets", [-128, 0]), "are no place inside the file")
    c.add("offsets-three" + ext, changed(norm, "data_offsets", [0, 64, 128]), "are no place inside the file")
    c.add("overlap" + ext, changed(norm, "data_offsets", [0, 128]), "overlaps what ends at byte")
    head, size = header([("a", (4,)), ("b", (4,))])
    head["b"]["data_offsets"] = [20, 36]
    c.add("hole" + ext, safe(head, floats(9)), "4 bytes in front of tensor 'b'")
    head, size = header([("a", (4,))])
    head["a"]["data_offsets"] = [4, 20]
    c.add("hole-first" + ext, safe(head, floats(5)), "4 bytes in front of tensor 'a'")
    c.add("metadata" + ext, safe({"__metadata__": [1]}, b""), "'__metadata__' is no object")
    c.add("metadata-number" + ext, safe({"__metadata__": {"a": 1}}, b""), "'a' is no text")
    c.add("nothing" + ext, safe({}, b""), "it holds no tensor")
    for name, bad, what in (("long", "n" * 600, "has 600 bytes"), ("empty", "", "has 0 bytes"),
                            ("folder", "a/../b", "leads out of its folder"), ("control", "a\tb", "control character")):
        c.add(f"name-{name}{ext}", safe({bad: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, floats(1)), what)
    c.add("name-nul" + ext, safe(b'{"a\\u0000b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', floats(1)), "")
    head, size = header([("a.bias", (3,)), ("a.weight", (3, 2)), ("b", (1,)), ("c", (1,))], None)
    c.add("pairs" + ext, safe(head, floats(size // 4)), "no configuration says what its tensors are")
    c.add("missing" + ext, changed(tensors=llama(True)[:-1]), "is missing")
    c.add("more" + ext, changed(tensors=llama(True) + [("model.layers.1.mlp.up_proj.weight", (I, D))]), "has no place in the model")
    c.add("shape" + ext, changed(q, "shape", [D * D]), "is [1024], the configuration asks for [32, 32]")
    head, size = header()
    c.add("nan" + ext, safe(head, floats(size // 4 - 1) + NAN), "holds a value that is not finite")
    c.add("inf" + ext, safe(head, INF + floats(size // 4 - 1)), "holds a value that is not finite")


# ---- the JSON beside: index and config.json ---------------------------------------------

def folder_case(c, name, text, status=65, index=None, config=CONFIG, shards=None, raw_index=None, raw_config=None):
    path = os.path.join(c.folder, name)
    os.makedirs(path)
    half = len(llama(True)) // 2
    parts = shards or {"a.safetensors": llama(True)[:half], "b.safetensors": llama(True)[half:]}
    for file, tensors in parts.items():
        if tensors is not None:
            head, size = header(tensors, None)
            with open(os.path.join(path, file), "wb") as f:
                f.write(safe(head, floats(size // 4)))
    if index is None:
        index = {"metadata": {}, "weight_map": {n: file for file, ts in parts.items() for n, _ in ts or []}}
    with open(os.path.join(path, "model.safetensors.index.json"), "wb") as f:
        f.write(raw_index if raw_index is not None else json.dumps(index).encode())
    if config is not None or raw_config is not None:
        with open(os.path.join(path, "config.json"), "wb") as f:
            f.write(raw_config if raw_config is not None else json.dumps(config).encode())
    print(status, name, text, sep="\t")


def make_index(c):
    first, half = llama(True)[0][0], len(llama(True)) // 2
    whole = {n: "a.safetensors" if i < half else "b.safetensors" for i, (n, _) in enumerate(llama(True))}
    a, b = llama(True)[:half], llama(True)[half:]
    where = lambda value: {"weight_map": dict(whole, **{first: value})}
    folder_case(c, "good", "", 0)
    folder_case(c, "index-empty", "", raw_index=b"")
    folder_case(c, "index-text", "line 1", raw_index=b"weights")
    folder_case(c, "index-cut", "", raw_index=json.dumps({"weight_map": whole}).encode()[:-20])
    folder_case(c, "index-double", "", raw_index=b'{"weight_map":{"a":"a.safetensors","a":"b.safetensors"}}')
    folder_case(c, "index-array", "'weight_map'", raw_index=b"[]")
    folder_case(c, "index-no-map", "no object 'weight_map'", index={"metadata": {}})
    folder_case(c, "index-map-empty", "no object 'weight_map'", index={"weight_map": {}})
    folder_case(c, "index-map-array", "no object 'weight_map'", index={"weight_map": ["a.safetensors"]})
    folder_case(c, "index-number", "is mapped to no .safetensors file", index=where(1))
    folder_case(c, "index-other", "is mapped to no .safetensors file", index=where("/etc/passwd"))
    folder_case(c, "index-slash", "leads out of the folder", index=where("x/a.safetensors"))
    folder_case(c, "index-up", "leads out of the folder", index=where("../good/a.safetensors"))
    folder_case(c, "index-hidden", "leads out of the folder", index=where(".a.safetensors"))
    folder_case(c, "index-missing", "names it", 66, index=where("c.safetensors"))
    folder_case(c, "index-wrong", "the index says 'b.safetensors'", index=where("b.safetensors"))
    folder_case(c, "index-less", "the index says 'nothing of it'", index={"weight_map": {n: f for n, f in whole.items() if n != first}})
    folder_case(c, "index-more", "it names 12 tensors, its files hold 11", index={"weight_map": dict(whole, x="a.safetensors")})
    folder_case(c, "index-twice", "lies in 'b.safetensors'", index={"weight_map": whole},
                shards={"a.safetensors": a, "b.safetensors": b + [a[0]]})
    folder_case(c, "config-none", "put config.json beside it", config=None)
    folder_case(c, "config-empty", "config.json", config=None, raw_config=b"")
    folder_case(c, "config-text", "config.json", config=None, raw_config=b"{a}")
    folder_case(c, "config-array", "no JSON object", config=[1])
    folder_case(c, "config-type", "'model_type' is missing", config={k: v for k, v in CONFIG.items() if k != "model_type"})
    folder_case(c, "config-other", "'rwkv' is not known", 69, config=dict(CONFIG, model_type="rwkv"))
    folder_case(c, "config-scaled", "scaled rotation", 69, config=dict(CONFIG, rope_scaling={"factor": 2}))
    for name, field, value, what in (
            ("width-text", "hidden_size", "32", "'hidden_size' is no whole number"),
            ("negative", "hidden_size", -32, "'hidden_size' is no whole number"),
            ("zero", "num_attention_heads", 0, "'num_attention_heads' is no whole number"),
            ("real", "num_hidden_layers", 1.5, "'num_hidden_layers' is no whole number"),
            ("huge", "num_hidden_layers", 10 ** 18, "'num_hidden_layers' is no whole number"),
            ("layers", "num_hidden_layers", 250, "the configuration asks for 2252 tensors"),
            ("null", "intermediate_size", None, "'intermediate_size' is missing"),
            ("vocabulary", "vocab_size", 7, "the configuration asks for [7, 32]"),
            ("heads", "num_attention_heads", 5, ""), ("kv-heads", "num_key_value_heads", 3, ""),
            ("epsilon", "rms_norm_eps", -1, "'rms_norm_eps' is no number from 0"),
            ("epsilon-text", "rms_norm_eps", "1e-5", "'rms_norm_eps' is no number from 0"),
            ("tied", "tie_word_embeddings", "yes", "'tie_word_embeddings' is neither true nor false"),
            ("untied", "tie_word_embeddings", False, "tensor 'lm_head.weight' is missing"),
            ("activation", "hidden_act", 3, "'hidden_act' is no text"),
            ("theta", "rope_theta", 0, ""), ("head-dim", "head_dim", 7, "")):
        folder_case(c, "config-" + name, what, config=dict(CONFIG, **{field: value}))


# ---- llama2.c ------------------------------------------------------------------------------

def llama2c_count(d, layers):
    return V * d + layers * (2 * d + 2 * d * d + 2 * (d // H * K) * d + 3 * I * d) + d + T * (d // H)


def llama2c(width=D, inner=I, layers=L, heads=H, kv=K, vocabulary=V, positions=T, data=None, order="<"):
    n = llama2c_count(D, L)
    return struct.pack(order + "7i", width, inner, layers, heads, kv, vocabulary, positions) + \
        (floats(n) if data is None else data)


def make_llama2c(c):
    good = llama2c()
    c.add("good.bin", good, "", 0)
    # byte 8 is a brace, as in safetensors
    c.add("good-123", llama2c(width=4, layers=123, data=floats(llama2c_count(4, 123))), "", 0)
    c.add("empty.bin", b"", "the file is empty")
    c.add("one.bin", b"\1", "1 bytes are too few")
    c.add("short.bin", good[:27], "27 bytes are too few")
    c.add("header.bin", good[:28], "its header asks for")
    c.add("cut.bin", good[:-1], "its header asks for")
    c.add("cut-half.bin", good[:len(good) // 2], "its header asks for")
    c.add("tail.bin", good + b"\0\0\0\0", "its header asks for")
    c.add("text.bin", b"once upon a time there was a little girl", "its header is none of llama2.c")
    c.add("version-1.bin", struct.pack("<II", 0x616b3432, 1) + good, "its header is none of llama2.c")
    c.add("big-endian.bin", llama2c(order=">"), "its header is none of llama2.c")
    for field in ("width", "inner", "layers", "heads", "kv", "vocabulary", "positions"):
        c.add(f"{field}-0.bin", llama2c(**{field: 0}), "its header is none of llama2.c")
        c.add(f"{field}-huge.bin", llama2c(**{field: 0x7fffffff}), "its header is none of llama2.c")
        if field != "vocabulary":
            c.add(f"{field}-negative.bin", llama2c(**{field: -1}), "its header is none of llama2.c")
    c.add("vocabulary-least.bin", llama2c(vocabulary=-0x80000000), "its header is none of llama2.c")
    c.add("untied.bin", llama2c(vocabulary=-V), "its header asks for")
    c.add("heads-3.bin", llama2c(heads=3), "its header is none of llama2.c")
    c.add("heads-32.bin", llama2c(heads=32, kv=32), "its header is none of llama2.c")
    c.add("kv-3.bin", llama2c(heads=4, kv=3), "its header is none of llama2.c")
    c.add("layers-2.bin", llama2c(layers=2), "its header asks for")
    c.add("most.bin", llama2c(width=65536, inner=1 << 20, layers=256, vocabulary=1 << 24, positions=1 << 20), "its header asks for")
    c.add("nan.bin", good[:28] + NAN + good[32:], "'token_embd.weight' holds a value that is not finite")
    c.add("inf.bin", good[:28 + 4 * V * D] + INF + good[32 + 4 * V * D:], "'blk.0.attn_norm.weight' holds a value that is not finite")


# ---- minGPT --------------------------------------------------------------------------------

def gpt2(d=6, layers=1, v=3, t=4):
    out = [("wte.weight", (v, d)), ("wpe.weight", (t, d)), ("ln_f.weight", (d,)), ("ln_f.bias", (d,))]
    for n in range(layers):
        for name, rows, cols in (("attn.c_attn", 3 * d, d), ("attn.c_proj", d, d), ("mlp.c_fc", 4 * d, d), ("mlp.c_proj", d, 4 * d)):
            out += [(f"h.{n}.{name}.weight", (rows, cols)), (f"h.{n}.{name}.bias", (rows,))]
        out += [(f"h.{n}.ln_{k}.{w}", (d,)) for k in (1, 2) for w in ("weight", "bias")]
    return [("transformer." + n, s) for n, s in out] + [("lm_head.weight", (v, d))]


def make_mingpt(c):
    def state(**change):
        out = {"config": {"n_layer": 1, "n_head": 3, "n_embd": 6, "vocab_size": 3, "block_size": 4}}
        for name, shape in gpt2():
            out[name] = {"shape": list(shape), "dtype": "torch.float32",
                         "data": base64.b64encode(floats(count(shape))).decode()}
        for k, v in change.items():
            out[k] = v
        return out

    def text_of(s):
        return json.dumps(s).encode()

    def broken(field, value, name="transformer.ln_f.bias"):
        s = state()
        s[name][field] = value
        return text_of(s)

    def config(**change):
        s = state()
        s["config"].update(change)
        return text_of(s)

    good = text_of(state())
    data = state()["transformer.ln_f.bias"]["data"]
    c.add("good.json", good, "", 0)
    c.add("empty.json", b"", "the file is empty")
    c.add("cut.json", good[:-10], "")
    c.add("tail.json", good + b"x", "")
    c.add("array.json", b"[1, 2]", "no object 'config'")
    c.add("values.json", b"[" + b"[]," * 2000000 + b"0]", "line 1: more values than")
    c.add("no-config.json", text_of({"a": 1}), "no object 'config'")
    c.add("config-array.json", text_of(state(config=[1])), "no object 'config'")
    c.add("double.json", good[:-1] + b', "config": {}}', "")
    c.add("number.json", text_of(state(x=1)), "tensor 'x' must have exactly")
    c.add("more-keys.json", broken("strides", 1), "must have exactly shape, dtype and data")
    c.add("dtype.json", broken("dtype", "torch.float64"), "'torch.float64', torch.float32 is expected")
    c.add("letter.json", broken("data", "*" + data[1:]), "its data is no base64")
    c.add("padding.json", broken("data", data[:-3]), "its data is no base64")
    c.add("inner-padding.json", broken("data", "====" + data[4:]), "its data is no base64")
    c.add("less.json", broken("data", data[:-4]), "its shape takes 24 bytes, its data has 21")
    c.add("shape-text.json", broken("shape", "6"), "'shape' is no array")
    c.add("shape-negative.json", broken("shape", [-6]), "element 0 of 'shape' is no whole number")
    c.add("shape-rank.json", broken("shape", [1] * 8 + [6]), "'shape' is no array of up to 8")
    c.add("shape-huge.json", broken("shape", [1 << 40, 1 << 40]), "their product is too large")
    c.add("shape.json", broken("shape", [2, 3]), "is [2, 3], the configuration asks for [6]")
    c.add("nan.json", broken("data", base64.b64encode(NAN * 6).decode()), "holds a value that is not finite")
    c.add("name.json", text_of(state(**{"": {"shape": [0], "dtype": "torch.float32", "data": ""}})), "has 0 bytes")
    c.add("more.json", text_of(state(x={"shape": [0], "dtype": "torch.float32", "data": ""})), "'x' has no place")
    missing = state()
    del missing["lm_head.weight"]
    c.add("missing.json", text_of(missing), "'lm_head.weight' is missing")
    c.add("heads.json", config(n_head=4), "")
    c.add("heads-0.json", config(n_head=0), "'n_head' is no whole number")
    c.add("layers.json", config(n_layer="1"), "'n_layer' is no whole number")
    c.add("layers-2.json", config(n_layer=2), "is missing")
    c.add("block.json", config(block_size=None), "'block_size' is missing")
    c.add("vocabulary.json", config(vocab_size=4), "asks for [4, 6]")


if __name__ == "__main__":
    {"gguf": make_gguf, "safetensors": make_safetensors, "index": make_index, "llama2c": make_llama2c,
     "mingpt": make_mingpt}[sys.argv[1]](Cases(sys.argv[2]))
