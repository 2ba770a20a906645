"""Other programs read what nyx-convert wrote.

    convert.py have MODULE...                  exit 0 when all can be imported
    convert.py same A.safetensors B.gguf       the packages safetensors and gguf see equal numbers
    convert.py generate FILE.gguf PROMPT N     greedy text by llama.cpp (package xllamacpp)
    convert.py tokens tokenizer.json FILE      ids by the package tokenizers, decoded again
PROMPT is JSON: a text or a list of token ids.
"""
import importlib
import json
import sys


def have(*modules):
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError:
            sys.exit(1)


def halves(rows, heads):
    """neighbouring pairs -> halves, head by head"""
    n, cols = rows.shape
    return rows.reshape(heads, n // heads // 2, 2, cols).swapaxes(1, 2).reshape(n, cols)


def same(safe, gguf_path):
    import gguf
    from safetensors.numpy import load_file
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
             "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
             "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
    ours = load_file(safe)
    reader = gguf.GGUFReader(gguf_path)
    heads = {"attn_q": reader.fields["llama.attention.head_count"].contents(),
             "attn_k": reader.fields["llama.attention.head_count_kv"].contents()}
    theirs = {t.name: t for t in reader.tensors}
    assert len(ours) == len(theirs), (len(ours), len(theirs))
    for name, want in ours.items():
        stem = name[:-len(".weight")]
        if stem.startswith("model.layers."):
            _, _, layer, stem = stem.split(".", 3)
            key = f"blk.{layer}.{names[stem]}"
        else:
            key = names[stem]
        tensor = theirs[key + ".weight"]
        got = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype("f4")
        short = key.split(".")[-1]
        if short in heads:
            got = halves(got, heads[short])
        assert got.shape == want.shape and (got == want.astype("f4")).all(), name
    print(len(ours), "equal")


def generate(path, prompt, count):
    import xllamacpp
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = 512
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    params.warmup = False
    params.verbosity = -1
    params.cache_ram_mib = 0
    answer = xllamacpp.Server(params).handle_completions(
        {"prompt": json.loads(prompt), "temperature": 0, "max_tokens": int(count), "cache_prompt": False})
    print(answer["choices"][0]["text"])


def tokens(path, file):
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(path)
    text = open(file, encoding="utf-8").read()
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text, "decoding gives another text"
    print(json.dumps(ids))


if __name__ == "__main__":
    {"have": have, "same": same, "generate": generate, "tokens": tokens}[sys.argv[1]](*sys.argv[2:])
