#!/bin/bash
# A search killed with SIGKILL at a random time, again and again, and resumed
# until it ends, gives the recipe, the log and the result of one that was not.
#
#     tests/fault/evolve-kill.sh [COUNT]     with nyx-data, nyx-train and nyx-evolve in the PATH
set -eu
count=${1:-50}
python=${PYTHON:-/usr/bin/python3}
cd "$(mktemp -d)"
cat > c.json <<'JSON'
{ "model": { "width": 32, "heads": 2, "inner": 48, "h_layers": 1, "l_layers": 1, "halt_max_steps": 2 },
  "training": { "batch": 16, "steps": 20, "optimizer": { "learning_rate": 1e-2 } } }
JSON
nyx-data sudoku --size=4 --count=700 --seed=7 --test=200 -o d.h5
nyx-train c.json --data=d.h5 --seed=3 --threads=1 --quiet -o m.h5
search=(nyx-evolve recipe m.h5 --data=d.h5 --bits=2.75 --tokens=9000 --held-rows=60 --threads=1 --quiet --codings=levels)
files() { echo --checkpoint="$1.check" --log="$1.log" --report="$1.report" -o "$1.recipe"; }
result() { "$python" -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1]))["result"]))' "$1"; }
start=$(date +%s%N)
"${search[@]}" $(files whole)
took_ms=$((($(date +%s%N) - start) / 1000000))
RANDOM=7
same=0 kills=0
for ((i = 0; i < count; i++)); do
    rm -f cut.*
    ended=
    while [ -z "$ended" ]; do
        "${search[@]}" $(files cut) --resume &
        pid=$!
        sleep "$(awk -v r=$RANDOM -v t=$took_ms 'BEGIN { print 0.02 + r / 32768 * t / 1000 }')"
        kill -KILL $pid 2> /dev/null || true
        if wait $pid 2> /dev/null; then ended=1; else kills=$((kills + 1)); fi
    done
    cmp whole.recipe cut.recipe && cmp whole.log cut.log && [ "$(result whole.report)" = "$(result cut.report)" ] &&
        same=$((same + 1))
done
echo "$same of $count searches the same after $kills kills"
cd / && rm -r "$OLDPWD"
[ "$same" -eq "$count" ]
