# The examples that --help and the manual pages show, and the lines of the pages
# by task, work: each is run in a folder of its own that has the files it names.
bats_require_minimum_version 1.5.0

# What the lines name, as small as can be.
stage() {
    nyx-data sudoku --size=4 --count=60 --seed=7 -q -o d.h5 --report=data.json
    mkdir -p pipelines/configs run/demo
    cat > hrm.json <<'JSON'
{ "model": { "width": 32, "heads": 2, "inner": 32, "h_layers": 1, "l_layers": 1, "halt_max_steps": 1 },
  "training": { "batch": 8, "steps": 2, "optimizer": { "kind": "adamw", "learning_rate": 1e-3 } } }
JSON
    cp hrm.json pipelines/configs/hrm-tiny.json
    cat > lm.json <<'JSON'
{ "model": { "kind": "decoder", "width": 32, "heads": 2, "layers": 1, "inner": 32, "context": 32 },
  "training": { "batch": 4, "steps": 2, "optimizer": { "kind": "adamw", "learning_rate": 1e-3 } } }
JSON
    nyx-train hrm.json --data=d.h5 -q -o m.h5 --log=train.jsonl --report=train.json
    nyx-quantize m.h5 --format=int4:g16 -q -o q.h5 --report=quantize-int4.json
    nyx-eval q.h5 --reference=m.h5 --data=d.h5 -q --report=eval-int4.json > /dev/null
    cp d.h5 m.h5 train.json eval-int4.json run/demo
    touch pipelines/demo.mk
    nyx-bundle create run/demo -q -o demo.tar.zst
    nyx-evolve recipe m.h5 --data=d.h5 --bits=3 --tokens=2000 --threads=1 -q -o r.json > /dev/null
    echo '{ "rules": [ { "tensor": "*.mlp.*", "format": "int4:g16" }, { "tensor": "*", "keep": true } ] }' > recipe.json

    # Texts, and a language model in the forms of other programs.
    for i in $(seq 40); do echo "Once upon a time there were $i bears, and $((i * i)) of them slept."; done > book.txt
    cp book.txt shakespeare.txt
    mkdir stories
    for i in $(seq 30); do printf 'Story %d of a bear.\n<|endoftext|>\n' "$i"; done > stories/all.txt
    tar -czf stories.tar.gz stories
    cp stories.tar.gz stories.tar.zst # told by its content
    nyx-data text stories.tar.gz --document='<|endoftext|>' -q -o stories.h5
    nyx-data text book.txt --split=tail --tokenizer=bytes -q -o text.h5
    nyx-profile --plan=lm.json --data=text.h5 --memory=4GiB -q -o plan.json > /dev/null
    nyx-train lm.json --data=text.h5 -q -o lm.h5
    nyx-quantize lm.h5 --format=int4:g32 -q -o lm-int4.h5
    nyx-convert lm.h5 -q -o model.gguf
    nyx-convert lm.h5 -q -o folder-with-safetensors/

    # Puzzles, images, tasks. A 4x4 puzzle with its digits renamed and a blank more is another one.
    nyx-data show d.h5 --rows=54 | awk '/^train row/ { if (p) print p; p = "" } /^[1-4.] [1-4.] [|]/ { gsub(/[| ]/, ""); p = p substr($0, 1, 4) }
        END { print p }' | xz > puzzles.csv.xz
    nyx-data maze --size=9 --count=8 --test=0 -q -o mazes.h5
    "${PYTHON:-/usr/bin/python3}" - <<'PY'
import gzip, json, os, random, struct
random.seed(1)
def maze(n):
    rows = [["#" if r % 2 and c % 2 and random.random() < .6 else " " for c in range(9)] for r in range(9)]
    rows[0][0], rows[8][8] = "S", "G"
    return "".join("".join(row) for row in rows)
for name in "mazes.csv.gz", "maze-30x30-hard.csv.gz":
    with gzip.open(name, "wt") as f: f.write("".join(maze(i) + "\n" for i in range(12)))
for prefix in "t10k-", "":
    with gzip.open(prefix + "images-idx3-ubyte.gz", "wb") as f:
        f.write(struct.pack(">4I", 2051, 20, 4, 4) + bytes(random.randrange(256) for _ in range(320)))
    with gzip.open(prefix + "labels-idx1-ubyte.gz", "wb") as f: f.write(struct.pack(">2I", 2049, 20) + bytes(i % 10 for i in range(20)))
for folder in "training", "evaluation":
    os.mkdir(folder)
    for n in range(4):
        pair = lambda: {"input": [[random.randrange(10) for _ in range(3)] for _ in range(3)], "output": [[n] * 3] * 3}
        json.dump({"train": [pair(), pair()], "test": [pair()]}, open(f"{folder}/{folder}{n}.json", "w"))
PY
    tar -cJf arc1-training.tar.xz training
    tar -cJf arc1-evaluation.tar.xz evaluation
    nyx-bench --op=matmul --sizes=64x64x64 --modes=nt --seconds=0.02 --spread=1000 --memory-mib=4 -q --report=bench.json > /dev/null
}

setup_file() {
    export root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd) build=$(cd "${BUILD:-$BATS_TEST_DIRNAME/../../build}" && pwd)
    export PATH="$build:$PATH"
    command -v "${PYTHON:-/usr/bin/python3}" > /dev/null || skip "no package python3"
    mkdir "$BATS_FILE_TMPDIR/stage"
    cd "$BATS_FILE_TMPDIR/stage"
    stage
}

# Only a comparison may say no. Benchmarks are planned, not measured, the machine
# is measured for a moment, and searches have one thread: the machine may be busy.
runs() { # LINE
    local status=0
    rm -rf "$BATS_TEST_TMPDIR/here"
    cp -R "$BATS_FILE_TMPDIR/stage" "$BATS_TEST_TMPDIR/here"
    cd "$BATS_TEST_TMPDIR/here"
    case $1 in
        nyx-bench\ *) set -- "$1 --dry-run" ;;
        nyx-evolve\ *) set -- "$1 --threads=1" ;;
        nyx-profile\ --parts=*) set -- "$1 --seconds=0.02 --file-mib=1" ;;
    esac
    timeout 60 bash -c "$1" < /dev/null > ../out 2>&1 || status=$?
    case $1 in *--compare=*|*--preservation-least=*) [ $status -ne 1 ] || status=0 ;; esac
    [ $status -eq 0 ] || { echo "status $status: $1"; cat ../out; return 1; }
}

examples() { # of TOOL, out of its pages
    "$@" --help | sed -n '/^Examples:/,/^$/s/^  //p'
}

@test "every example of every program works" {
    local count=0 bad=0
    for tool in $(cd "$build" && ls nyx-*); do
        commands=$("$tool" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-][a-z-]*\) .*/\1/p')
        for command in ${commands:-""}; do
            while read -r line; do
                runs "$line" || bad=1
                count=$((count + 1))
            done < <(examples "$tool" $command)
        done
    done
    echo "$count examples"
    [ $count -ge 30 ] && [ $bad -eq 0 ]
}

@test "every line of the pages by task works" {
    local count=0 bad=0
    for page in bench bundle evaluate evolve fit puzzles recipes report resume text train; do
        while read -r line; do
            runs "$line" || bad=1
            count=$((count + 1))
        done < <(sed -n 's/^    \(nyx-[a-z]* .*\)/\1/p' "$root/docs/$page.md" | sed 's/  *#.*//' | grep -v '^nyx-[a-z]*: ')
    done
    echo "$count lines"
    [ $count -ge 30 ] && [ $bad -eq 0 ]
}

@test "what the manual pages refer to is there" {
    for tool in $(cd "$build" && ls nyx-*); do
        for page in $("$tool" --make-page=man | sed -n '/^\.SH "SEE ALSO"/,$p' | grep -oE '(docs|schemas)/[A-Za-z-]+\.md'); do
            echo "$tool: $page"
            [ -e "$root/$page" ]
        done
        for other in $("$tool" --make-page=man | sed -n '/^\.SH "SEE ALSO"/,$p' | tr -d '\\' | grep -oE 'nyx-[a-z]+\(1\)'); do
            echo "$tool: $other"
            [ -x "$build/${other%(1)}" ]
        done
    done
}
