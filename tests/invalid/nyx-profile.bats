# nyx-profile, and plans that nyx-train reads: what must be refused, each beside
# the same thing made right.
bats_require_minimum_version 1.5.0
load refused

setup_file() {
    common_setup
    cd "$BATS_FILE_TMPDIR"
    make_inputs
    nyx-profile --plan=c.json --data=d.h5 --memory=1GiB -o p.json > /dev/null
}

setup() { common_setup c.json d.h5 d6.h5 m.h5 p.json; }

good() { nyx-train c.json --data=d.h5 --plan="$1" -o out.h5 -q; rm out.h5; }
bad() { refused "$1" "$2" nyx-train c.json --data=d.h5 --plan="$3" -o out.h5; }

# plan CODE -- bad.json: p.json changed by Python as the object p.
plan() {
    "$PYTHON" -c 'import json, sys
p = json.load(open("p.json"))
exec(sys.argv[1])
json.dump(p, open("bad.json", "w"))' "$1"
}

@test "plans: the path inside the document and the remedy" {
    good p.json
    while IFS='|' read -r text code; do
        plan "$code"
        bad 65 "$text" bad.json
    done <<'CASES'
'schema' is "nyx.plan/9", "nyx.plan/1" expected; make the plan again|p["schema"] = "nyx.plan/9"
key 'threads' is missing|del p["threads"]
unknown key 'thread'; did you mean 'threads'?|p["thread"] = 2
'precision' is "f4"|p["precision"] = "f4"
'memory_bytes' is -1|p["memory_bytes"] = -1
'recompute=some' is no choice of a pass|p["passes"]["recompute"] = "some"
'compute=all' is no choice of a pass|p["passes"] = {"compute": "all"}
'config.training.batch' is 0|p["config"]["training"]["batch"] = 0
model.heads 3 does not divide model.width 16|p["config"]["model"]["heads"] = 3
was made for another configuration|p["config_sha256"] = "0" * 64
CASES
    plan 'p["machine"] = "0" * 64'
    bad 69 "was made on another machine; make one here with nyx-profile --plan" bad.json
    plan 'p["device"] = "cpu:abacus"'
    bad 69 "'cpu:abacus'" bad.json
    plan 'p["memory_bytes"] = 1000'
    bad 69 "make it again with nyx-profile --plan=c.json --data=d.h5" bad.json
    bad 66 "missing.json" missing.json
    head -c 100 p.json > cut.json
    bad 65 "cut.json" cut.json
    refused 65 "'d6.h5' has vocabulary" nyx-train c.json --data=d6.h5 --plan=p.json -o out.h5
}

@test "what nyx-profile is asked for" {
    while IFS='|' read -r status text arguments; do
        # shellcheck disable=SC2086
        refused "$status" "$text" nyx-profile $arguments
    done <<'CASES'
64|nothing to do: --parts=all looks at the machine|--threads=1
64|'cpus' is no part|--parts=cpus
64|the list is empty|--parts=
64|'4GB' is no amount of memory|--plan=c.json --memory=4GB
64|'-1' is no amount of memory|--plan=c.json --memory=-1
64|need --plan=CONFIG.json|--parts=memory --data=d.h5
65|'d.h5'|--plan=d.h5
65|'m.h5' is a model|--plan=c.json --data=m.h5
66|'missing.h5'|--plan=c.json --data=missing.h5
66|there is no folder 'nowhere'|--parts=disk --folder=nowhere
66|there is no folder 'nowhere'|--parts=disk --root=nowhere
69|nothing fits into 100000 bytes|--plan=c.json --data=d.h5 --memory=100000 -o out.json
69|evice|--plan=c.json --device=vulkan:99 -o out.json
73|'nowhere/out.json'|--plan=c.json -o nowhere/out.json
CASES
}
