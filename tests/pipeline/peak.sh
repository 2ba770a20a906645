#!/bin/bash
# peak.sh FOLDER [NAME...] -- train two steps of configurations made here, say
# what was predicted of their peak and what was measured, as a table in Markdown.
# Without names all 24. Exits 1 when one is off by more than 2 % and 4 MiB.
#
#     PATH=build:$PATH tests/pipeline/peak.sh /tmp/peak
set -eu
mkdir -p "$1"
cd "$1"
shift

text() { # 200 kB of words, the same on every machine
    awk 'BEGIN { s = 7; for (i = 0; i < 40000; i++) { s = (s * 1103515245 + 12345) % 2147483648
         printf "%c%c%c%s", 97 + s % 26, 97 + int(s / 32) % 26, 97 + int(s / 1024) % 26, i % 12 == 11 ? "\n" : " " } }'
}
[ -e t.h5 ] || { text > t.txt; nyx-data text t.txt --tokenizer=characters --split=tail --test-share=0.05 -o t.h5; }
[ -e w.h5 ] || nyx-data text t.txt --vocabulary=2000 --split=tail --test-share=0.05 -o w.h5
[ -e d4.h5 ] || nyx-data sudoku --size=4 --count=200 --test=20 --seed=7 -o d4.h5
[ -e d6.h5 ] || nyx-data sudoku --size=6 --count=60 --test=20 --seed=7 -o d6.h5

# name|dataset|model|batch|other training|options
cases() { cat <<'CASES'
hrm|d4|"width": 64, "heads": 4, "inner": 192, "h_layers": 2, "l_layers": 2, "halt_max_steps": 4|64||
hrm-ema|d4|"width": 64, "heads": 4, "inner": 192, "h_layers": 2, "l_layers": 2, "halt_max_steps": 4|64|"ema": 0.99,|
hrm-again|d4|"width": 64, "heads": 4, "inner": 192, "h_layers": 2, "l_layers": 2, "halt_max_steps": 4|64||--passes=recompute=all
hrm-bf16|d4|"width": 64, "heads": 4, "inner": 192, "h_layers": 2, "l_layers": 2, "halt_max_steps": 4|64||--precision=bf16
hrm-micro|d4|"width": 64, "heads": 4, "inner": 192, "h_layers": 2, "l_layers": 2, "halt_max_steps": 4|64||--micro-batches=4
hrm-once|d6|"width": 96, "heads": 4, "inner": 256, "h_layers": 1, "l_layers": 2, "halt_max_steps": 1|32||
hrm-puzzles|d6|"width": 128, "heads": 4, "inner": 256, "h_layers": 2, "l_layers": 2, "halt_max_steps": 4, "puzzle_width": 128|32||
hrm-wide|d6|"width": 256, "heads": 4, "inner": 512, "h_layers": 4, "l_layers": 4, "halt_max_steps": 4|16||
hrm-wide-again|d6|"width": 256, "heads": 4, "inner": 512, "h_layers": 4, "l_layers": 4, "halt_max_steps": 4|16||--passes=recompute=all --micro-batches=2
transformer|d4|"kind": "transformer", "width": 64, "heads": 4, "inner": 192, "layers": 4, "halt_max_steps": 4|64||
transformer-again|d6|"kind": "transformer", "width": 128, "heads": 4, "inner": 256, "layers": 8, "halt_max_steps": 2|32||--passes=recompute=all
lm|t|"kind": "decoder", "width": 128, "heads": 4, "layers": 4, "inner": 344, "context": 64|16||
lm-again|t|"kind": "decoder", "width": 128, "heads": 4, "layers": 4, "inner": 344, "context": 64|16||--passes=recompute=all
lm-micro|t|"kind": "decoder", "width": 128, "heads": 4, "layers": 4, "inner": 344, "context": 64|16||--micro-batches=8
lm-groups|t|"kind": "decoder", "width": 192, "heads": 6, "kv_heads": 2, "layers": 6, "inner": 512, "context": 128|8||
lm-tied|w|"kind": "decoder", "width": 128, "heads": 4, "layers": 4, "inner": 344, "context": 128, "tied": true|8||
lm-words|w|"kind": "decoder", "width": 256, "heads": 4, "layers": 2, "inner": 768, "context": 128|8||
gpt2|w|"kind": "decoder", "width": 128, "heads": 4, "layers": 3, "inner": 512, "context": 128, "norm": "layernorm", "activation": "gelu", "position": "learned", "bias": true, "tied": true|8||
lm-deep|t|"kind": "decoder", "width": 128, "heads": 4, "layers": 16, "inner": 344, "context": 128|8||
lm-deep-again|t|"kind": "decoder", "width": 128, "heads": 4, "layers": 16, "inner": 344, "context": 128|8||--passes=recompute=all
lm-deep-bf16|t|"kind": "decoder", "width": 128, "heads": 4, "layers": 16, "inner": 344, "context": 128|8||--precision=bf16
lm-deep-both|t|"kind": "decoder", "width": 128, "heads": 4, "layers": 16, "inner": 344, "context": 128|8||--precision=bf16 --passes=recompute=all
lm-deep-f16|t|"kind": "decoder", "width": 128, "heads": 4, "layers": 16, "inner": 344, "context": 128|8||--precision=f16
lm-ema-again|w|"kind": "decoder", "width": 256, "heads": 8, "layers": 8, "inner": 688, "context": 128|8|"ema": 0.9,|--passes=recompute=all --micro-batches=4
CASES
}

echo '| configuration | dataset | parameters | batch | options | predicted MiB | measured MiB | off by |'
echo '|---|---|---|---|---|---|---|---|'
off=0
while IFS='|' read -r name data model batch training options; do
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
    printf '{ "model": { %s }, "training": { "batch": %s, "steps": 2, %s "optimizer": { "kind": "adamw", "learning_rate": 1e-3 } } }' \
        "$model" "$batch" "$training" > "$name.json"
    # shellcheck disable=SC2086
    nyx-train "$name.json" --data="$data.h5" $options -o "$name.h5" --quiet --report="$name.report"
    "${PYTHON:-/usr/bin/python3}" - "$name" "$data" "$batch" "$options" <<'PY' || off=1
import json, sys
name, data, batch, options = sys.argv[1:]
r = json.load(open(name + ".report"))
predicted, measured = r["result"]["predicted_peak_bytes"], r["run"]["measured_peak_bytes"]
print("| %s | %s | %d | %s | %s | %.1f | %.1f | %+.1f MiB, %+.1f %% |" % (name, data, r["result"]["parameters"], batch,
      options.replace("--", ""), predicted / 2**20, measured / 2**20, (predicted - measured) / 2**20,
      100 * (predicted - measured) / measured))
sys.exit(abs(predicted - measured) > max(0.02 * measured, 4 * 2**20))
PY
done < <(cases)
exit $off
