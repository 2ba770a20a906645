#!/bin/sh
# What the compiler cannot check: layers, homes of foreign headers, silence of
# the library, sizes. One line for each breach; exits 1 on any.
#
#     tests/lint/lint.sh [ROOT]
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}" || exit 2
bad=0
complain() { echo "$1"; bad=1; }

# 1. A folder of libnyx may include itself and the folders in its row.
layers='
base:
report: base
page: base
tensor: base
quant: base tensor
file: base report tensor quant
foreign: base report tensor quant file
text: base report file
bundle: base report tensor quant file
graph: base tensor quant
pass: base tensor quant graph
device: base tensor quant graph pass
model: base report tensor quant file graph pass
data: base report tensor file text
run: base report tensor quant file text graph pass device model data
train: base report tensor quant file text graph pass device model data run
eval: base report tensor quant file text graph pass device model data run
compress: base report tensor quant file text graph pass device model data run train eval
bench: base report tensor quant file text graph pass device model data run train eval
convert: base report tensor quant file text graph pass model foreign
evolve: base report tensor quant file text graph pass device model data run train eval compress
cli: base report page
'
for folder in $(find libnyx -mindepth 1 -maxdepth 1 -type d | cut -d/ -f2); do
    row=$(echo "$layers" | grep "^$folder:") || { complain "libnyx/$folder: not in the layer table"; continue; }
    for dep in $(grep -rhoE '^#include "[a-z]+/' "libnyx/$folder" | cut -d'"' -f2 | cut -d/ -f1 | sort -u); do
        case " $folder ${row#*:} " in
        *" $dep "*) ;;
        *) complain "libnyx/$folder: may not include $dep/" ;;
        esac
    done
done

# 2. A foreign library has one home.
while read -r header home; do
    for file in $(grep -rlE "^#include <($header)" libnyx tools 2>/dev/null); do
        case $file in $home*) ;; *) complain "$file: <$header> belongs in $home" ;; esac
    done
done <<'HOMES'
hdf5|H5 libnyx/file/
archive libnyx/file/
zlib libnyx/file/
jansson libnyx/report/
vulkan/ libnyx/device/vulkan/
sysexits libnyx/cli/
HOMES

# 3. The library does not print, exit or read the environment; cli/ does. A
#    child process that base/ or file/ forked ends with _exit.
for file in $(grep -rlE '(^|[^a-z_.>])(printf|puts|putchar|perror|exit|getenv|secure_getenv) *\(' libnyx --include=*.[ch] |
              grep -vE '^libnyx/cli/'); do
    complain "$file: only cli/ prints, exits or reads the environment"
done

# 4. Files and functions fit in the head. A function of ours begins with its
#    brace in column 1 and ends with one.
while read -r most pattern; do
    find $(echo "$pattern" | sed 's,/[^/]*$,,') -maxdepth 3 -name "${pattern##*/}" 2>/dev/null | while read -r file; do
        lines=$(wc -l < "$file")
        [ "$lines" -le "$most" ] || echo "$file: $lines lines, at most $most"
    done
done > "${TMPDIR:-/tmp}/nyx-lint.$$" <<'SIZES'
300 tools/*.c
250 libnyx/*.h
600 libnyx/*.c
200 shaders/*.comp
80 pipelines/*.mk
SIZES
find libnyx tools -name '*.c' -exec awk '
    /^\{/ { start = FNR }
    /^\}/ { if (start && FNR - start - 1 > 60) printf "%s:%d: a function of %d lines, at most 60\n", FILENAME, start, FNR - start - 1
            start = 0 }' {} + >> "${TMPDIR:-/tmp}/nyx-lint.$$"
[ -s "${TMPDIR:-/tmp}/nyx-lint.$$" ] && { cat "${TMPDIR:-/tmp}/nyx-lint.$$"; bad=1; }
rm -f "${TMPDIR:-/tmp}/nyx-lint.$$"

# 5. Nothing is left undone in silence.
for file in $(grep -rlE 'TODO|FIXME|XXX|not implemented' libnyx tools shaders 2>/dev/null); do
    complain "$file: a mark of unfinished work; finish it or name the skipped test"
done

# 6. Top level: only what belongs there.
for entry in $(ls); do
    case " tools libnyx shaders pipelines schemas tests Makefile README.md docs LICENSE run build $(ls -d build* 2>/dev/null | tr '\n' ' ')" in
    *" $entry "*) ;;
    *) complain "$entry: does not belong in the top folder" ;;
    esac
done

# 7. What is kept compiled was compiled from the source that is here, and from what that
# includes: its first line names both.
for file in shaders/spirv/*.num; do
    [ -e "$file" ] || continue
    read -r _ source digest _ < "$file"
    [ "$digest" = "$("$here/shader-digest" "shaders/$source")" ] ||
        complain "$file: made from another $source; make spirv GLSLANG=glslang, of version 15.3 or later"
done
# 8. Lines of C end at column 120; other folders have some that are to be mended.
for folder in base report page tensor file foreign text bundle convert eval compress evolve cli data model; do
    find "libnyx/$folder" -name '*.[ch]' -exec awk '
        length($0) > 120 { printf "%s:%d: %d columns, at most 120\n", FILENAME, FNR, length($0) }' {} + 2>/dev/null
done > "${TMPDIR:-/tmp}/nyx-lint.$$"
[ -s "${TMPDIR:-/tmp}/nyx-lint.$$" ] && { cat "${TMPDIR:-/tmp}/nyx-lint.$$"; bad=1; }
rm -f "${TMPDIR:-/tmp}/nyx-lint.$$"
exit $bad
