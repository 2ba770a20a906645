/* vulkan shaders: arithmetic that must not be fused is marked so in what the
 * compiler made. glslc -O copies instructions when it unrolls loops, and forgets
 * their marks (NoContraction, `precise` in the source); a driver may then fuse
 * a multiplication with an addition, and compensated sums lose what they keep. */
#include "device/vulkan/vulkan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Sums of these may be fused (their bounds are those of any order), but for the
 * functions in them that round by hand, which are known by two constants. */
static const char *const may_fuse[] = { "attention", "coded_dots", "coded_tiles", "integer_", "matmul", "matvec", "rate_",
                                       "random" };

/* Opcodes, decorations and numbers of SPIR-V. */
enum { DECORATE = 71, NO_CONTRACTION = 42, CONSTANT = 43, CONSTANT_COMPOSITE = 44, COMPOSITE_CONSTRUCT = 80,
       COMPOSITE_EXTRACT = 81, BITCAST = 124, F_ADD = 129, F_SUB = 131, F_MUL = 133, VECTOR_TIMES_SCALAR = 142,
       BITWISE_AND = 199, HEADER = 5 };
static const uint32_t magic = 0x4b400000, mask = 0xfffff000; /* of nyx_rint; of nyx_product */

enum { MARKED = 1, MAGIC = 2, MASK = 4, MASKED = 8 };

/* What is asked of a value's operands goes on to the value. */
static unsigned inherited(const uint32_t *words, uint32_t count, const unsigned char *about)
{
    const uint32_t opcode = words[0] & 0xffff;
    unsigned       all = 0;

    if (opcode == CONSTANT)
        return words[3] == magic ? MAGIC : words[3] == mask ? MASK : 0;
    if (opcode == BITWISE_AND)
        return (about[words[3]] | about[words[4]]) & MASK ? MASKED : 0;
    if (opcode == BITCAST || opcode == COMPOSITE_EXTRACT)
        return about[words[3]] & (MAGIC | MASK | MASKED);
    if (opcode == CONSTANT_COMPOSITE || opcode == COMPOSITE_CONSTRUCT)
        for (uint32_t i = 3; i < count; i++)
            all |= about[words[i]] & (MAGIC | MASK | MASKED);
    return all;
}

typedef struct {
    int operations, unmarked, by_hand, by_hand_unmarked;
} findings;

static void look(findings *out, const nyx_shader_source *shader)
{
    const uint32_t *end = shader->words + shader->bytes / 4;
    unsigned char  *about = calloc(shader->words[3], 1);

    memset(out, 0, sizeof *out);
    assert_non_null(about);
    for (const uint32_t *at = shader->words + HEADER; at < end; at += at[0] >> 16) {
        const uint32_t opcode = at[0] & 0xffff;

        if (opcode == DECORATE && at[2] == NO_CONTRACTION)
            about[at[1]] |= MARKED;
        else if (opcode == CONSTANT || opcode == CONSTANT_COMPOSITE || opcode == COMPOSITE_CONSTRUCT ||
                 opcode == COMPOSITE_EXTRACT || opcode == BITCAST || opcode == BITWISE_AND)
            about[at[2]] |= (unsigned char)inherited(at, at[0] >> 16, about);
        if (opcode == F_ADD || opcode == F_SUB || opcode == F_MUL || opcode == VECTOR_TIMES_SCALAR) {
            const bool by_hand = ((about[at[3]] | about[at[4]]) & (MAGIC | MASKED)) != 0,
                       marked = about[at[2]] & MARKED;

            out->operations++;
            out->unmarked += !marked;
            out->by_hand += by_hand;
            out->by_hand_unmarked += by_hand && !marked;
        }
    }
    free(about);
}

static bool is_free(const char *name)
{
    for (size_t i = 0; i < sizeof may_fuse / sizeof *may_fuse; i++)
        if (!strncmp(name, may_fuse[i], strlen(may_fuse[i])) && strcmp(name, "matmul_parts") != 0)
            return true;
    return false;
}

static void what_must_not_be_fused_is_marked(void **state)
{
    int bad = 0, strict = 0, by_hand = 0;

    (void)state;
    for (const nyx_shader_source *shader = nyx_shader_sources; shader->name; shader++) {
        findings found;

        look(&found, shader);
        strict += is_free(shader->name) ? 0 : found.operations;
        by_hand += found.by_hand;
        if (found.by_hand_unmarked || (found.unmarked && !is_free(shader->name))) {
            print_message("%s: %d of %d operations unmarked, %d of %d by hand\n", shader->name, found.unmarked,
                          found.operations, found.by_hand_unmarked, found.by_hand);
            bad++;
        }
    }
    print_message("%d operations of shaders that must not fuse, %d that round by hand\n", strict, by_hand);
    assert_true(strict > 1000 && by_hand > 300);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_must_not_be_fused_is_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
