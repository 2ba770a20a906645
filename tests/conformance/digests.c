/* digests -- of programs on a Vulkan device, however their work is cut.
 *
 *     build/tests/digests [--device=vulkan:0] [--op=matmul,reduce] [--every=N] [--verbose]
 *
 * Every case of the conformance walk is run on the device as it is, and as if it
 * bound little at once, or were slow and drew a display, which cuts work smaller.
 * The same digest must come with the same bits. Other bits are the only reason for
 * another digest, but where it hangs on the numbers whether they are others, and
 * where the processor does what the device then cannot.
 */
#include "device/internal.h"
#include "operations/operations.h"

#include <string.h>

static const char *const ways[] = { "most=131072", "most=40960", "slow=1000000", "most=65536,slow=1000000" };
enum { WAYS = sizeof ways / sizeof *ways };

typedef struct {
    nyx_device *whole, *cut[WAYS];
    const char *wanted;
    bool        verbose;
    int         every, met[NYX_OP_COUNT];
    int         passed, failed, same, others, spared; /* digests */
} suite;

static void count(suite *u, const spec *s, const char *way, bool good, const char *what)
{
    u->passed += good;
    u->failed += !good;
    if (!good || u->verbose)
        printf("%s %s %s, %s: %s\n", good ? "ok" : "FAIL", nyx_op_table(s->op)->name, s->text, way, what);
}

static bool is_wanted(const suite *u, enum nyx_op op)
{
    char name[64], list[512];

    snprintf(name, sizeof name, ",%s,", nyx_op_table(op)->name);
    snprintf(list, sizeof list, ",%s,", u->wanted ? u->wanted : "");
    return !u->wanted || strstr(list, name);
}

/* Sums of rows of one id, which may lie in one piece; the first of equal numbers,
 * which is another one only of zeros. */
static bool hangs_on_numbers(const spec *s)
{
    return s->op == NYX_OP_EMBEDDING_GRAD || s->op == NYX_OP_SIGN_SGD ||
           (s->op == NYX_OP_REDUCE && (s->ints[0] == NYX_LARGEST || s->ints[0] == NYX_SMALLEST));
}

static void compare(suite *u, const spec *s, const outcome *whole, int way)
{
    nyx_device *device = u->cut[way];
    outcome     cut;
    bool        bits, digest, spared;

    memset(device->substituted, 0, sizeof device->substituted);
    if (execute(&cut, s, NYX_F32, device) < 0) {
        count(u, s, ways[way], false, nyx_error_text());
        outcome_release(&cut);
        return;
    }
    bits = outcome_equal(whole, &cut);
    digest = !strcmp(whole->digest, cut.digest);
    spared = hangs_on_numbers(s) || nyx_device_substitutes(device, s->op) != nyx_device_substitutes(u->whole, s->op);
    count(u, s, ways[way], bits || !digest, digest ? "the same digest" : "another digest");
    if (digest || !spared)
        count(u, s, ways[way], digest || !bits, bits ? "the same bits" : "other bits");
    u->same += digest;
    u->others += !digest;
    u->spared += !digest && bits;
    outcome_release(&cut);
}

static void check_case(const spec *s, void *context)
{
    suite  *u = context;
    outcome whole;

    if (!is_wanted(u, s->op) || u->met[s->op]++ % u->every)
        return;
    if (execute(&whole, s, NYX_F32, u->whole) < 0)
        count(u, s, "whole", false, nyx_error_text());
    else
        for (int way = 0; way < WAYS; way++)
            compare(u, s, &whole, way);
    outcome_release(&whole);
}

static int open_devices(suite *u, const char *name)
{
    int status = nyx_device_open(&u->whole, name, 1);

    for (int way = 0; way < WAYS && status == 0; way++) {
        char cut[96];

        snprintf(cut, sizeof cut, "%s,%s", name, ways[way]);
        status = nyx_device_open(&u->cut[way], cut, 1);
    }
    return status;
}

static bool read_arguments(suite *u, const char **device, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strncmp(argv[i], "--device=", 9))
            *device = argv[i] + 9;
        else if (!strncmp(argv[i], "--op=", 5))
            u->wanted = argv[i] + 5;
        else if (!strncmp(argv[i], "--every=", 8) && atoi(argv[i] + 8) > 0)
            u->every = atoi(argv[i] + 8);
        else if (!strcmp(argv[i], "--verbose"))
            u->verbose = true;
        else
            return false;
    return true;
}

int main(int argc, char **argv)
{
    const char *device = "vulkan:0";
    suite       u = { .every = 1 };
    int         status;

    if (!read_arguments(&u, &device, argc, argv)) {
        fprintf(stderr, "digests: no option like that\n");
        return 64;
    }
    if ((status = open_devices(&u, device)) == 0)
        status = visit_cases(check_case, &u);
    for (int way = 0; way < WAYS; way++)
        nyx_device_close(u.cut[way]);
    nyx_device_close(u.whole);
    if (status < 0)
        printf("%s\n", nyx_error_text());
    printf("%d digests the same, %d others, of which %d with the same bits\n", u.same, u.others, u.spared);
    printf("%d passed, %d failed\n", u.passed, u.failed + (status < 0));
    return u.failed || status < 0;
}
