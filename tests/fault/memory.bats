# Memory runs out once, and from there on always, at places spread over a whole
# run. No program ends by a signal, none says more than one line, a target is the
# old one or a whole new one, no temporary stays. (fault/nth.c makes malloc and
# calloc fail.) libhdf5 1.10 crashes, recurses for ever or calls exit(-1) in some
# of these places: cli/ turns that into 71. What it says of files while it reads
# them may be wrong then: 65 is allowed where HDF5 is read, 74 where it is written,
# if memory is there again when we ask, or the child that reads has crashed.
# A libhdf5 that cannot even start also prints its own stack of errors, before it
# can be told not to.
bats_require_minimum_version 1.5.0

setup_file() {
    export PATH="${BUILD:-$BATS_TEST_DIRNAME/../../build}:$PATH"
    cd "$BATS_FILE_TMPDIR"
    cat > c.json <<'JSON'
{ "model": { "width": 16, "heads": 2, "inner": 16, "h_layers": 1, "l_layers": 1, "halt_max_steps": 1 },
  "training": { "batch": 8, "steps": 2, "optimizer": { "learning_rate": 1e-2 } } }
JSON
    nyx-data sudoku --size=4 --count=40 --seed=7 --quiet -o d.h5
    nyx-train c.json --data=d.h5 --quiet -o m.h5
    nyx-eval m.h5 --data=d.h5 --quiet --report=eval.json > /dev/null
}

setup() {
    build=${BUILD:-$BATS_TEST_DIRNAME/../../build}
    case $build in *sanitize*) skip "a preloaded library must not come before the sanitizer's" ;; esac
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR"/* .
}

without_memory() { # NTH STICKY COMMAND...
    env LD_PRELOAD="$build/tests/nth.so" NYX_FAULT_CALL=memory NYX_FAULT_NTH="$1" NYX_FAULT_STICKY="$2" \
        NYX_FAULT_COUNT="$BATS_TEST_TMPDIR/count" "${@:3}"
}

# sweep PLACES ALLOWED TARGET COMMAND... -- TARGET is what COMMAND writes, ALLOWED
# the statuses beside 0.
sweep() {
    local places=$1 allowed=$2 target=$3 total step status; shift 3
    echo old > old
    "$@" > /dev/null 2>&1
    cp "$target" whole
    without_memory 0 0 "$@" > /dev/null 2>&1
    total=$(cat count)
    [ "$total" -ge 500 ]
    step=$((total / places + 1))
    for nth in $(seq 1 "$step" "$total"); do
        for sticky in 0 1; do
            cp old "$target"
            status=0
            without_memory "$nth" "$sticky" "$@" > /dev/null 2> err || status=$?
            echo "$nth/$total sticky $sticky: exit $status, $(cat err)"
            if [ "$status" -eq 0 ]; then cmp "$target" whole; else
                [[ " $allowed " == *" $status "* ]]
                [ "$(grep -cvE '^(HDF5-DIAG|  )' err)" -eq 1 ]
                cmp -s "$target" old || cmp -s "$target" whole
            fi
            [ -z "$(find . -name '.*.nyx-*')" ]
        done
    done
}

@test "a JSON parser without memory says so: always 71, never another answer" {
    nyx-report eval.json > page
    without_memory 0 0 nyx-report eval.json > /dev/null
    total=$(cat count)
    for nth in $(seq 1 $((total / 150 + 1)) "$total"); do
        for sticky in 0 1; do
            status=0
            without_memory "$nth" "$sticky" nyx-report eval.json > out 2> err || status=$?
            echo "$nth/$total sticky $sticky: exit $status, $(cat err)"
            if [ "$status" -eq 0 ]; then cmp out page; else
                [ "$status" -eq 71 ]
                [ "$(wc -l < err)" -eq 1 ]
            fi
        done
    done
}

@test "a JSON parser without memory in the middle of a number says so, too" {
    echo '[1234567.890123456789e-10, 0.123456789012345678901234567890123456789] no more' > a.json # found at its end
    without_memory 0 1 nyx-report a.json 2> /dev/null || true
    total=$(cat count)
    for nth in $(seq "$total"); do
        status=0
        without_memory "$nth" 1 nyx-report a.json 2> err || status=$?
        echo "$nth/$total: exit $status, $(cat err)"
        [[ " 65 71 " == *" $status "* ]]
        [ "$(wc -l < err)" -eq 1 ]
    done
}

@test "nyx-report: a whole page or none" {
    nyx-train c.json --data=d.h5 -q -o t.h5 --log=log --report=train.json
    nyx-quantize m.h5 --format=int4:g16 -q -o q.h5 --report=quantize.json
    nyx-eval q.h5 --reference=m.h5 --data=d.h5 -q --report=eval-q.json > /dev/null
    page=(nyx-report log eval.json eval-q.json quantize.json train.json -o out.html)
    without_memory 0 0 "${page[@]}"
    cp out.html whole
    total=$(cat count)
    for nth in $(seq $((total - 120)) 2 "$total"); do # behind the reading
        for sticky in 0 1; do
            echo old > out.html
            status=0
            without_memory "$nth" "$sticky" "${page[@]}" 2> err || status=$?
            echo "$nth/$total sticky $sticky: exit $status, $(cat err)"
            if [ "$status" -eq 0 ]; then cmp out.html whole; else
                [[ " 71 73 74 " == *" $status "* ]]
                [ "$(wc -l < err)" -eq 1 ]
                [ "$(cat out.html)" = old ] || cmp out.html whole
            fi
            [ -z "$(find . -name '.*.nyx-*')" ]
        done
    done
}
@test "nyx-data" { sweep 30 "71 74" out.h5 nyx-data sudoku --size=4 --count=40 --seed=7 --threads=1 -o out.h5; }
@test "nyx-quantize" { sweep 30 "65 71 74" out.h5 nyx-quantize m.h5 --format=int4:g16 --threads=1 -o out.h5; }
@test "nyx-train" { sweep 20 "65 71 74" out.h5 nyx-train c.json --data=d.h5 --threads=1 -q -o out.h5; }
@test "nyx-eval" { sweep 20 "65 71 74" out.h5 nyx-eval m.h5 --data=d.h5 --threads=1 -q --logits=out.h5; }

@test "memory that is gone for good is said to be, inside libhdf5 too" {
    local total other=0 memory=0
    without_memory 0 0 nyx-quantize m.h5 --format=int8:channel -o q.h5
    total=$(cat count)
    for nth in $(seq 1 $((total / 20 + 1)) "$total"); do
        status=0
        without_memory "$nth" 1 nyx-quantize m.h5 --format=int8:channel -o q.h5 2> /dev/null || status=$?
        case $status in 0) ;; 71) memory=$((memory + 1)) ;; *) other=$((other + 1)) ;; esac
    done
    echo "$memory times 71, $other times another status"
    [ "$memory" -gt "$other" ]
}

@test "archives and packed files: always 71, never that they are damaged" {
    seq 200 > a.txt
    tar -cf a.tar a.txt
    zip -q a.zip a.txt
    for pack in gzip bzip2 xz zstd; do $pack < a.tar > a.tar.$pack; done
    for file in a.zip a.tar a.tar.*; do
        cut=(nyx-data text $file --tokenizer=bytes --split=tail --threads=1 -q -o out.h5)
        "${cut[@]}"
        mv out.h5 whole
        case $file in *.xz) places=$(seq 100 180) every=7 ;; *) places=$(seq 81 7 230) every=2 ;; esac
        for nth in $places; do # opening and reading it
            status=0
            without_memory "$nth" $((nth % every == 0)) "${cut[@]}" 2> err || status=$?
            echo "$file $nth: exit $status, $(cat err)"
            if [ "$status" -eq 0 ]; then cmp out.h5 whole; rm out.h5; else
                [ "$status" -eq 71 ]
                [ "$(wc -l < err)" -eq 1 ]
                [ ! -e out.h5 ]
            fi
        done
    done
}

@test "nyx-bundle: always 71, never another bundle, nothing extracted" {
    mkdir run
    cp c.json eval.json run
    nyx-bundle create run -o whole
    for command in "create run -o out" "verify whole" "extract whole -o out"; do
        without_memory 0 0 nyx-bundle $command > /dev/null
        total=$(cat count)
        [ "$total" -ge 100 ]
        for nth in $(seq 1 $((total / 40 + 1)) "$total"); do
            for sticky in 0 1; do
                rm -rf out
                status=0
                without_memory "$nth" "$sticky" nyx-bundle $command > /dev/null 2> err || status=$?
                echo "$command $nth/$total sticky $sticky: exit $status, $(cat err)"
                if [ "$status" -ne 0 ]; then
                    [ "$status" -eq 71 ]
                    [ "$(wc -l < err)" -eq 1 ]
                    [ ! -e out ]
                elif [ -d out ]; then diff -r run out
                elif [ -e out ]; then cmp out whole; fi
                [ -z "$(find . -name '.*.nyx-*')" ]
            done
        done
    done
}
