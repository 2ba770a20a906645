/* operations -- every operation of the table on every device, against the
 * float64 reference; every gradient rule against finite differences.
 *
 *     build/tests/conformance [--device=cpu:avx2] [--op=matmul,rope] [--every=N] [--verbose]
 *
 * The float64 reference in turn has to give the answers of known.py.
 * One line an operation: how many cases, the worst error in units of
 * eps sum|terms| with its bound (the table's), the worst relative error of a
 * gradient. Then failures in full and a summary; exit status 1 after any.
 * --every: only each Nth case of an operation, and no gradients, where a
 * processor is imitated; nor attention's gradient in 16 bits, whose shaders a
 * processor takes minutes to compile.
 */
#include "operations/operations.h"

#include <math.h>
#include <string.h>

/* What has been seen of one operation. */
typedef struct {
    int    met, cases, gradients; /* met: those left out too */
    double error, gradient; /* worst */
} tally;

typedef struct {
    nyx_device *device[3]; /* with 1, 2 and 3 threads */
    nyx_device *unfused;   /* the same GPU, on which casts stay; NULL: they do anyway */
    const char *wanted;    /* operations, between commas; NULL: all */
    bool        verbose, first;
    int         every;
    int         passed, failed;
    tally       ops[NYX_OP_COUNT];
} suite;

/* Reading a variable is part of every case. */
static const enum nyx_op structural[] = { NYX_OP_VARIABLE };

static void count(suite *u, const spec *s, bool good, const char *what)
{
    u->passed += good;
    u->failed += !good;
    if (!good)
        printf("FAIL %s %s: %s\n", s ? nyx_op_table(s->op)->name : "", s ? s->text : "", what);
}

/* The bits must not depend on how many threads share the work, or on the day. */
static void check_threads(suite *u, const spec *s, const outcome *one)
{
    bool equal = true, intact = true;
    char what[160] = "";

    for (int i = 1; i < 3; i++) {
        outcome y;
        int     status = execute(&y, s, NYX_F32, u->device[i]);

        equal = equal && status == NYX_OK && outcome_equal(one, &y);
        intact = intact && y.intact;
        if (status < 0)
            snprintf(what, sizeof what, "%s", nyx_error_text());
        outcome_release(&y);
    }
    count(u, s, equal, what[0] ? what : "the result depends on the number of threads, or is another each time");
    count(u, s, intact && one->intact, "memory that is not the result's was written");
}

static void check_values(suite *u, const spec *s, const outcome *y, const outcome *y64)
{
    const double bound = nyx_op_table(s->op)->error;
    tally       *t = &u->ops[s->op];
    double       worst = 0;
    char         what[160];

    if (judge(&worst, what, s, y, y64, bound) < 0)
        snprintf(what, sizeof what, "%s", nyx_error_text());
    count(u, s, !what[0], what);
    t->error = worst > t->error ? worst : t->error;
    if (u->verbose)
        printf("  %-18s %-60s %.4f\n", nyx_op_table(s->op)->name, s->text, worst);
}

static void check_gradient(suite *u, const spec *s)
{
    tally *t = &u->ops[s->op];
    double worst;
    char   what[160];

    if (gradient_error(&worst, what, s) < 0)
        snprintf(what, sizeof what, "%s", nyx_error_text());
    else if (worst < 0 && !what[0])
        return;
    count(u, s, !what[0], what);
    t->gradients++;
    t->gradient = worst > t->gradient ? worst : t->gradient;
}

static bool is_wanted(const suite *u, enum nyx_op op)
{
    char name[64], list[512];

    if (!u->wanted)
        return true;
    snprintf(name, sizeof name, ",%s,", nyx_op_table(op)->name);
    snprintf(list, sizeof list, ",%s,", u->wanted);
    return strstr(list, name) != NULL;
}

/* Do results differ by no more than four roundings to `half` of their largest element? */
static bool is_near(const outcome *a, const outcome *b, enum nyx_dtype half)
{
    const double step = half == NYX_BF16 ? 0x1p-8 : 0x1p-11;
    bool         near = a->count == b->count;

    for (int k = 0; k < a->count && near; k++) {
        double most = 0;

        for (int64_t i = 0; i < b->out[k].elems; i++)
            most = fmax(most, fabs(element(&b->out[k], i)));
        for (int64_t i = 0; i < b->out[k].elems; i++)
            near = near && fabs(element(&a->out[k], i) - element(&b->out[k], i)) <= 4 * step * most;
    }
    return near;
}

/* Casts that became part of the operation must not change a bit. Matrix units,
 * which attention meets only so, round its weights. */
static void check_halves(suite *u, const spec *s, enum nyx_dtype half, uint32_t halved)
{
    spec    cast = *s;
    outcome fused = { 0 }, apart = { 0 };
    bool    good, equal, units = s->op == NYX_OP_ATTENTION || s->op == NYX_OP_ATTENTION_GRAD;

    cast.half = half;
    cast.halved = halved;
    good = execute(&fused, &cast, NYX_F32, u->device[0]) == 0 && execute(&apart, &cast, NYX_F32, u->unfused) == 0;
    equal = good && (outcome_equal(&fused, &apart) || (units && is_near(&fused, &apart, half)));
    count(u, s, equal, good ? "casts around it change its result" : nyx_error_text());
    count(u, s, fused.intact, "memory that is not the result's was written");
    outcome_release(&fused);
    outcome_release(&apart);
}

/* All operands or some of them, another way for each case. */
static void check_some_halves(suite *u, const spec *s)
{
    static const struct { enum nyx_dtype half; uint32_t halved; } ways[] = {
        { NYX_BF16, UINT32_MAX }, { NYX_F16, UINT32_MAX }, { NYX_BF16, 1 }, { NYX_F16, ~1u },
    };
    const nyx_op_row *row = nyx_op_table(s->op);
    const int         way = u->ops[s->op].cases % 4;
    enum nyx_dtype    half = ways[way].half;

    for (int i = 0; i < s->input_count; i++) /* one of the two in a graph */
        half = s->in[i].kind == 'h' ? NYX_F16 : s->in[i].kind == 'b' ? NYX_BF16 : half;
    if (u->every > 1 && s->op == NYX_OP_ATTENTION_GRAD)
        return;
    if (u->unfused && (row->half_inputs || row->half_outputs))
        check_halves(u, s, half, ways[way].halved);
}

static void check_case(const spec *s, void *context)
{
    suite  *u = context;
    outcome y = { 0 }, y64 = { 0 };

    if (!is_wanted(u, s->op) || u->ops[s->op].met++ % u->every)
        return;
    u->ops[s->op].cases++;
    if (execute(&y, s, NYX_F32, u->device[0]) < 0 || execute_exact(&y64, s) < 0) {
        count(u, s, false, nyx_error_text());
    } else {
        check_values(u, s, &y, &y64);
        check_threads(u, s, &y);
        check_some_halves(u, s);
        if (u->first)
            check_gradient(u, s);
    }
    outcome_release(&y);
    outcome_release(&y64);
}

/* An operation that no case names, or a rule that no gradient tried. */
static void check_coverage(suite *u)
{
    for (int op = NYX_OP_NONE + 1; op < NYX_OP_COUNT; op++) {
        const nyx_op_row *row = nyx_op_table((enum nyx_op)op);
        bool              listed = false;
        char              what[160];

        for (size_t i = 0; i < sizeof structural / sizeof *structural; i++)
            listed = listed || structural[i] == (enum nyx_op)op;
        snprintf(what, sizeof what, "operation '%s' has no case", row->name);
        if (!is_wanted(u, (enum nyx_op)op))
            continue;
        count(u, NULL, listed || u->ops[op].cases > 0, what);
        if (!row->gradient || !u->first)
            continue;
        snprintf(what, sizeof what, "the gradient of '%s' has no case", row->name);
        count(u, NULL, u->ops[op].gradients > 0, what);
    }
}

static void print_table(const suite *u)
{
    for (int op = NYX_OP_NONE + 1; op < NYX_OP_COUNT; op++) {
        const tally      *t = &u->ops[op];
        const nyx_op_row *row = nyx_op_table((enum nyx_op)op);

        if (!t->cases)
            continue;
        printf("%-18s %2d cases   error %8.4f of %5.2f", row->name, t->cases, t->error, row->error);
        if (t->gradients)
            printf("   gradient %.1e in %d", t->gradient, t->gradients);
        printf("\n");
    }
}

static void check_answer(const spec *s, const char *what, void *context)
{
    count(context, s, !what[0], what);
}

/* All cases on one device; gradients, which are float64, only the first time. */
static void check_device(suite *u, bool first)
{
    memset(u->ops, 0, sizeof u->ops);
    u->first = first;
    if (visit_cases(check_case, u) < 0)
        count(u, NULL, false, nyx_error_text());
    check_coverage(u);
    print_table(u);
}

/* Open a device with 1, 2 and 3 threads; one GPU is all three. */
static int open_devices(suite *u, const char *name)
{
    char unfused[96];
    int  status = NYX_OK;

    u->unfused = NULL;
    for (int i = 0; i < 3 && status == NYX_OK; i++) {
        u->device[i] = NULL;
        if (i > 0 && !strncmp(name, "vulkan", 6))
            u->device[i] = u->device[0];
        else
            status = nyx_device_open(&u->device[i], name, i + 1);
    }
    snprintf(unfused, sizeof unfused, "%s%s,unfused", name, strchr(name, ':') ? "" : ":0");
    if (status == NYX_OK && !strncmp(name, "vulkan", 6))
        status = nyx_device_open(&u->unfused, unfused, 1);
    return status;
}

static void close_devices(suite *u)
{
    nyx_device_close(u->unfused);
    for (int i = 2; i >= 0; i--)
        if (i == 0 || u->device[i] != u->device[0])
            nyx_device_close(u->device[i]);
}

/* The plain kernels and every instruction set of this processor, or the one
 * that was asked for. */
static int check_devices(suite *u, const char *asked)
{
    static const char *const all[] = { "cpu:reference", "cpu:base", "cpu:neon", "cpu:avx2", "cpu:avx512" };
    const size_t             end = asked ? 1 : sizeof all / sizeof *all;
    int                      checked = 0;

    for (size_t i = 0; i < end; i++) {
        const char *name = asked ? asked : all[i];

        if (open_devices(u, name) < 0) {
            printf("device %s: not here: %s\n", name, nyx_error_text());
            continue;
        }
        printf("device %s\n", nyx_device_name(u->device[0]));
        check_device(u, checked++ == 0 && u->every == 1);
        close_devices(u);
    }
    return checked;
}

int main(int argc, char **argv)
{
    suite       u = { .every = 1 };
    const char *asked = NULL;

    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "--device=", 9)) {
            asked = argv[i] + 9;
        } else if (!strncmp(argv[i], "--op=", 5)) {
            u.wanted = argv[i] + 5;
        } else if (!strncmp(argv[i], "--every=", 8) && atoi(argv[i] + 8) > 0) {
            u.every = atoi(argv[i] + 8);
        } else if (!strcmp(argv[i], "--verbose")) {
            u.verbose = true;
        } else {
            fprintf(stderr, "usage: conformance [--device=NAME] [--op=NAME,...] [--every=N] [--verbose]\n");
            return 64;
        }
    }
    if (visit_answers(check_answer, &u) < 0)
        count(&u, NULL, false, nyx_error_text());
    if (!check_devices(&u, asked))
        return 69;
    printf("%d passed, %d failed\n", u.passed, u.failed);
    return u.failed ? 1 : 0;
}
