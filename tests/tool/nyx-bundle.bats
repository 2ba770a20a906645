# nyx-bundle: equal files give equal bundles, which come back whole.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    cd "$BATS_FILE_TMPDIR"
    mkdir -p run/configs run/logs/deep
    cat > run/configs/tiny.json <<'JSON'
{ "model": { "width": 16, "heads": 2, "inner": 16, "h_layers": 1, "l_layers": 1, "halt_max_steps": 1 },
  "training": { "batch": 8, "steps": 2, "optimizer": { "learning_rate": 1e-2 } } }
JSON
    echo '{ "rules": [ { "tensor": "*", "format": "int8:channel" } ] }' > run/configs/recipe.json
    nyx-data sudoku --size=4 --count=40 --seed=7 --test=10 -o run/d.h5
    nyx-train run/configs/tiny.json --data=run/d.h5 -o run/m.h5 --quiet --checkpoint=run/ck.h5 --report=run/train.json
    nyx-quantize run/m.h5 --format=int8:channel -o run/q.h5 --quiet --report=run/quantize.json
    seq 1 50000 > run/logs/deep/numbers.txt
    : > run/logs/empty
    echo 'gewöhnlich' > "run/logs/naïve file.txt"
    printf 'not a model' > run/broken.h5
    nyx-bundle create run -o run.tar.zst --report=create.json
}

setup() {
    tests=${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests
    cd "$BATS_TEST_TMPDIR"
    cp -r "$BATS_FILE_TMPDIR"/{run,run.tar.zst,create.json} .
}

@test "create says nothing, extract gives every byte back, once more gives the same bundle" {
    run --separate-stderr nyx-bundle create run/ -o again.tar.zst
    [ "$status" -eq 0 ] && [ -z "$output$stderr" ]
    cmp run.tar.zst again.tar.zst
    nyx-bundle extract run.tar.zst -o out
    diff -r run/ out
    nyx-bundle create out -o again.tar.zst
    cmp run.tar.zst again.tar.zst
    [ -z "$(find . -name '.*nyx-*')" ]
}

@test "order on the disk, umask, modes, times, locale and place do not matter" {
    mkdir -p other/place/logs
    (cd run/ && find . -type f | sort -r) | while read -r file; do
        (umask 0077; mkdir -p "other/place/$(dirname "$file")"; cp "run/$file" "other/place/$file")
        touch -d '1999-12-31 23:59:59' "other/place/$file"
    done
    chmod 755 other/place/m.h5
    (umask 0; TZ=Asia/Tokyo LC_ALL=C.UTF-8 LANG=tr_TR.UTF-8 nyx-bundle create "$PWD/other/place/" -o b.tar.zst --threads=3 --seed=9)
    cmp run.tar.zst b.tar.zst
}

@test "files by their last name, folders by what they hold, arguments in any order" {
    nyx-bundle create run/configs run/m.h5 run/logs/empty -o a.tar.zst
    nyx-bundle create run/logs/empty run/m.h5 run/configs/ -o b.tar.zst
    cmp a.tar.zst b.tar.zst
    nyx-bundle list a.tar.zst | awk 'length($2) == 64 { print $4 }' > names
    [ "$(tr '\n' ' ' < names)" = "empty m.h5 recipe.json tiny.json " ]
}

@test "list prints names, sizes, digests and kinds; the report has them too" {
    nyx-bundle list run.tar.zst --report=r.json > list
    (cd run/ && find . -type f -printf '%P\n') | while read -r name; do
        digest=$(sha256sum < "run/$name" | cut -d' ' -f1)
        grep -qE "^ *$(stat -L -c %s "run/$name") +$digest +[a-z./0-9]+ +$name\$" list
    done
    [ "$(awk 'length($2) == 64 { printf "%s ", $3 }' list)" = \
      "other checkpoint recipe config dataset other other other model model nyx.quantize/1 nyx.train/1 " ]
    "$tests/schema-check" bundle r.json create.json
    grep -q '"checked": "manifest"' r.json
    grep -q '"checked": "everything"' create.json
    [ "$(tail -n 1 list)" = "12 files, $(find run/ -type f -printf '%s\n' | awk '{ n += $1 } END { print n }') bytes in $(stat -L -c %s run.tar.zst)" ]
}

@test "the report names the bundle by its digest, and the contents by theirs" {
    digest=$(sha256sum < run.tar.zst | cut -d' ' -f1)
    grep -q "$digest" create.json
    nyx-bundle verify run.tar.zst --report=v.json > said
    grep -q "$digest" v.json
    [[ "$(cat said)" == "whole: 12 files, "* ]]
    [ "$(grep manifest_sha256 v.json)" = "$(grep manifest_sha256 create.json)" ]
}

@test "the manifest keeps its schema and knows the history of models" {
    command -v zstd > /dev/null || skip "no package zstd"
    tar --zstd -xf run.tar.zst nyx-bundle.json
    "$tests/schema-check" bundle-manifest nyx-bundle.json
    grep -q '"nyx-quantize .* input=' nyx-bundle.json
    [ "$(grep -c '"history"' nyx-bundle.json)" -eq 4 ]
}

@test "tar and zstd read it too" {
    command -v zstd > /dev/null || skip "no package zstd"
    zstd -q -t run.tar.zst
    mkdir t
    tar --zstd -xf run.tar.zst -C t
    rm t/nyx-bundle.json
    diff -r run/ t
    [ "$(tail -c 64 run.tar.zst)" = "$(head -c -84 run.tar.zst | sha256sum | cut -d' ' -f1)" ]
}

@test "names of more than 100 bytes" {
    long=$(printf 'folder-%03d/' $(seq 14))
    mkdir -p "in/$long"
    echo x > "in/$long$(printf 'n%.0s' $(seq 90))"
    nyx-bundle create in -o b.tar.zst
    nyx-bundle extract b.tar.zst -o out
    diff -r in out
}

@test "--dry-run says what would be done and writes nothing" {
    nyx-bundle create run --dry-run > said
    grep -q 'logs/deep/numbers.txt' said
    nyx-bundle extract run.tar.zst --dry-run > said
    grep -q 'logs/deep/numbers.txt' said
    [ "$(ls | tr '\n' ' ')" = "create.json run run.tar.zst said " ]
}

@test "standard output takes a bundle" {
    nyx-bundle create run -o - > b.tar.zst
    cmp b.tar.zst run.tar.zst
}

@test "an old bundle stays until the new one is whole; killed at any moment nothing is half-written" {
    mkdir big
    head -c 40000000 /dev/urandom > big/noise
    nyx-bundle create big -o big.tar.zst
    killed() { # DELAY COMMAND...
        "${@:2}" &
        sleep "$1"
        kill -KILL $! 2> /dev/null || true
        wait $! || true
    }
    for delay in 0.02 0.05 0.1 0.2 0.4; do
        cp run.tar.zst b.tar.zst
        killed "$delay" nyx-bundle create big -o b.tar.zst
        cmp -s b.tar.zst run.tar.zst || cmp b.tar.zst big.tar.zst
        killed "$delay" nyx-bundle extract big.tar.zst -o out
        [ ! -e out ] || { diff -r big out; rm -r out; }
    done
    # what the killed ones left goes with the next that is not
    nyx-bundle create big -o b.tar.zst
    nyx-bundle extract big.tar.zst -o out
    [ -z "$(find . -name '.*nyx-*')" ]
}

@test "a wish to stop is granted: 75, nothing left" {
    mkdir big
    truncate -s 20G big/zeros
    nyx-bundle create big -o b.tar.zst 2> err &
    until [ -n "$(find /proc/$!/fd -lname '*/zeros')" ]; do sleep 0.1; done
    kill -TERM $!
    status=0
    wait $! || status=$?
    echo "$status $(cat err)"
    [ "$status" -eq 75 ] && grep -q "stopped at 'big/zeros'" err
    [ "$(ls -A | tr '\n' ' ')" = "big create.json err run run.tar.zst " ]
}

@test "memory does not grow with the files" {
    mkdir big
    truncate -s 300M big/zeros
    (ulimit -v ${NYX_TEST_KIB:-524288}; nyx-bundle create big -o b.tar.zst --report=c.json)
    (ulimit -v ${NYX_TEST_KIB:-524288}; nyx-bundle extract b.tar.zst --max-size=1000000000 -o out --report=e.json)
    cmp big/zeros out/zeros
    for report in c e; do
        peak=$(grep -o '"peak_memory_bytes": [0-9]*' $report.json | grep -o '[0-9]*')
        echo "$report: $peak bytes"
        [ "$peak" -lt 60000000 ]
    done
}
