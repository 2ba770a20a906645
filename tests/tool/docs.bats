# What docs/ says is what the programs and the tables of the library say.

setup() {
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    PATH="${BUILD:-$root/build}:$PATH"
}

@test "links lead to files" {
    cd "$root/docs"
    for link in $(grep -ohE '\]\([^)#:]+\)' *.md | tr -d '])('); do
        echo "$link"
        [ -e "$link" ]
    done
    for page in *.md; do [ "$page" = index.md ] || grep -q "($page)" index.md; done
}

@test "bits and errors in formats.md are those of --list-formats and of the anchor table" {
    nyx-quantize --list-formats > "$BATS_TEST_TMPDIR/list"
    rows=$(grep -cE '^\| `' "$root/docs/formats.md")
    [ "$rows" -ge 15 ]
    [[ "$(cat "$root/docs/index.md")" == *"errors of $rows formats"* ]]
    grep -E '^\| `' "$root/docs/formats.md" | tr -d '`|' | while read -r format bits figures; do
        echo "$format $bits $figures"
        awk -v f="$format" -v b="$bits" '$1 == f && $2 == b { found = 1 } END { exit !found }' "$BATS_TEST_TMPDIR/list"
        have=$(grep -F "{ \"$format\"," "$root/libnyx/quant/anchors.c" | sed 's/.*, \([0-9.e+-]*\) },.*/\1/' |
            while read -r figure; do printf '%.2e ' "$figure"; done)
        [ "${have% }" = "$(echo $figures)" ]
    done
}

@test "the statuses in bad-input.md are those that every program lists" {
    [ "$(nyx-eval --help | sed -n '/^Exit status/,$p' | grep -oE '^  [0-9]+(, [0-9]+)?' | tr ',' '\n' | tr -d ' ')" = \
      "$(grep -oE '^\| [0-9]+' "$root/docs/bad-input.md" | tr -d '| ')" ]
}

@test "the map has every folder and pipeline, schemas/README.md every schema" {
    map=$(sed -n '/^## Map/,$p' "$root/README.md")
    for folder in "$root"/libnyx/*/; do
        echo "$folder"
        [[ $(grep '^| `libnyx/`' <<< "$map" | tr '`' ' ') == *" $(basename "$folder") "* ]]
    done
    for pipeline in "$root"/pipelines/*.mk; do
        echo "$pipeline"
        [[ $map == *"\`$(basename "$pipeline")\`"* ]]
    done
    for schema in "$root"/schemas/*.schema.json; do
        name=$(basename "$schema" .schema.json)
        echo "$name"
        [[ $(sed -n '/^| schema/,$p' "$root/schemas/README.md") == *"\`$name"[.\`]* ]]
    done
}
