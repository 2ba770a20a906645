/* operations -- what the checker does with one operation on one set of shapes. */
#ifndef NYX_TESTS_OPERATIONS_H
#define NYX_TESTS_OPERATIONS_H

#include "device/device.h"

enum { MOST_INPUTS = NYX_MAX_INPUTS, MOST_OUTPUTS = 3 };

typedef struct {
    char      kind; /* see the head of cases.c */
    bool      fixed; /* no gradient flows there */
    int64_t   below;
    nyx_shape shape;
} operand;

typedef struct {
    enum nyx_op op;
    const char *text, *result; /* inputs; shapes of the outputs */
    int64_t     ints[NYX_MAX_INTS];
    double      reals[NYX_MAX_REALS];
    int         input_count;
    operand     in[MOST_INPUTS];
    nyx_shape   shape; /* of an operation without inputs */
    double     *values[MOST_INPUTS];
    enum nyx_dtype half;   /* f16, bf16: what pass_fuse might keep in it goes through casts, */
    uint32_t       halved; /* by operand, as nyx_halves says it */
} spec;

typedef struct {
    enum nyx_dtype dtype;
    nyx_shape      shape;
    int64_t        elems;
    void          *data;
} output;

typedef struct {
    int    count;
    output out[MOST_OUTPUTS];
    bool   intact; /* guards and inputs are as they were */
    char   digest[NYX_SHA256_HEX]; /* of the program */
} outcome;

/* cases.c: inputs and their values from s->text; every case of the table. */
int  spec_init(spec *s);
void spec_release(spec *s);
typedef void (*visitor)(const spec *s, void *context);
int visit_cases(visitor visit, void *context);
/* coded.c: the same for coded weights, in every format; what rounding may cost. */
int    visit_coded(visitor visit, void *context);

double coded_terms(const spec *s, const outcome *y64, int64_t index);

/* known.c: what is wrong ("": nothing) with each answer of the reference. */
int visit_answers(void (*judged)(const spec *s, const char *what, void *context), void *context);

/* execute.c: the operation on f32 or f64 inputs, through a graph and a
 * program, as a model would run it. */
nyx_value build(nyx_graph *g, const spec *s, const nyx_value *in);
int       declare(nyx_graph *g, const spec *s, nyx_value *in);
int       feed(nyx_store *store, const spec *s, enum nyx_dtype real);
int       execute(outcome *out, const spec *s, enum nyx_dtype real, nyx_device *device);
int       execute_exact(outcome *out, const spec *s); /* in float64 on the reference */
void      outcome_release(outcome *o);
bool      outcome_equal(const outcome *a, const outcome *b); /* to the bit */
double    element(const output *o, int64_t index);

/* judge.c: the largest |y - y64| in units of eps sum|terms|; `what` says where
 * when it is not below the bound. */
int judge(double *worst, char what[160], const spec *s, const outcome *y, const outcome *y64, double bound);

/* gradient.c: the largest relative difference, by tensor, between the graph of
 * nyx_pass_gradient and central differences. -1: nothing to compare. */
int gradient_error(double *worst, char what[160], const spec *s);

#endif
