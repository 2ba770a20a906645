/* vote -- what a model says to all images of a test input, counted. */
#include "data/arc/internal.h"

#include <string.h>

enum { GUESSES = 2 };

/* One row's say, or its truth: the digest of a grid in the task's own colours
 * and orientation. */
struct say {
    int32_t task, pair;
    bool    given;
    double  q;
    char    digest[NYX_SHA256_HEX];
};

struct nyx_arc_vote {
    const nyx_dataset *dataset;
    int                side;
    int64_t            rows;
    struct say        *says;
};

/* One answer to one test input. */
struct answer {
    const char *digest;
    int64_t     votes;
    double      q; /* mean */
};

static int check(const nyx_dataset *dataset)
{
    const struct nyx_split *test = &dataset->test;

    if (!test->rows || !test->ids || !test->pairs || !dataset->variants.task)
        return nyx_error_set(NYX_ERR_INPUT, "the dataset has no test rows with ids, pairs and '/puzzles', which a vote "
                             "needs; nyx-data arc makes such a dataset");
    for (int64_t row = 0; row < test->rows; row++) {
        nyx_arc_transform transform;

        memcpy(&transform, dataset->variants.transform + (int64_t)test->ids[row] * NYX_TRANSFORM_BYTES,
               sizeof transform);
        if (dataset->variants.task[test->ids[row]] < 0 || !nyx_arc_transform_good(&transform))
            return nyx_error_set(NYX_ERR_INPUT, "puzzle %d of test row %lld is no image of a task", test->ids[row],
                                 (long long)row);
    }
    return NYX_OK;
}

int nyx_arc_vote_create(nyx_arc_vote **out, const nyx_dataset *dataset)
{
    nyx_arc_vote *vote;
    int           status, side;

    *out = NULL;
    if ((side = nyx_arc__side(dataset)) < 0)
        return side;
    if ((status = check(dataset)) < 0 || (status = nyx_alloc(&vote, (int64_t)sizeof *vote)) < 0)
        return status;
    vote->dataset = dataset;
    vote->side = side;
    vote->rows = dataset->test.rows;
    if ((status = nyx_alloc(&vote->says, vote->rows * (int64_t)sizeof *vote->says)) < 0) {
        nyx_arc_vote_free(vote);
        return status;
    }
    *out = vote;
    return NYX_OK;
}

void nyx_arc_vote_free(nyx_arc_vote *vote)
{
    if (!vote)
        return;
    nyx_free(vote->says);
    nyx_free(vote);
}

/* Cropped, turned back, hashed. */
static void digest_of(char digest[NYX_SHA256_HEX], const nyx_arc_vote *vote, int64_t row, const int32_t *tokens)
{
    const int32_t     id = vote->dataset->test.ids[row];
    nyx_arc_transform transform;
    nyx_arc_grid      grid;

    memcpy(&transform, vote->dataset->variants.transform + (int64_t)id * NYX_TRANSFORM_BYTES, sizeof transform);
    nyx_arc_crop(&grid, tokens, vote->side);
    nyx_arc_undo(&grid, &transform, &grid);
    nyx_arc__digest(digest, &grid);
}

void nyx_arc_vote_add(nyx_arc_vote *vote, int64_t row, const int32_t *tokens, double q)
{
    struct say *say = &vote->says[row];

    NYX_BUG_IF(row < 0 || row >= vote->rows);
    say->task = vote->dataset->variants.task[vote->dataset->test.ids[row]];
    say->pair = vote->dataset->test.pairs[row];
    say->q = q;
    say->given = true;
    digest_of(say->digest, vote, row, tokens);
}

void nyx_arc_vote_add_logits(nyx_arc_vote *vote, int64_t first, int64_t rows, const float *logits, const float *q)
{
    const int64_t length = vote->dataset->length, vocabulary = vote->dataset->vocabulary;
    int32_t       tokens[NYX_ARC_CELLS];

    for (int64_t row = 0; row < rows; row++) {
        for (int64_t t = 0; t < length; t++) {
            const float *of = logits + (row * length + t) * vocabulary;

            tokens[t] = 0;
            for (int32_t v = 1; v < vocabulary; v++)
                if (of[v] > of[tokens[t]])
                    tokens[t] = v;
        }
        nyx_arc_vote_add(vote, first + row, tokens, (double)q[row]);
    }
}

/* ---- counting ------------------------------------------------------------------------- */

/* Of one test input together, equal answers together. */
static int compare_says(const void *a, const void *b)
{
    const struct say *x = a, *y = b;

    if (x->task != y->task)
        return x->task < y->task ? -1 : 1;
    if (x->pair != y->pair)
        return x->pair < y->pair ? -1 : 1;
    const int order = strcmp(x->digest, y->digest);
    return order ? order : (x->q > y->q) - (x->q < y->q); /* sums of q in one order */
}

static bool ranks_before(const struct answer *a, const struct answer *b)
{
    if (a->votes != b->votes)
        return a->votes > b->votes;
    if (a->q != b->q)
        return a->q > b->q;
    return strcmp(a->digest, b->digest) < 0;
}

/* One test input: its says are says[0 .. count). */
struct verdict {
    int64_t distinct;
    bool    right[GUESSES]; /* among the first 1, 2 answers */
};

static void judge(struct verdict *out, const struct say *says, int64_t count, const char *truth)
{
    struct answer best[GUESSES] = { { 0 } };

    *out = (struct verdict){ 0 };
    for (int64_t first = 0, end; first < count; first = end) {
        struct answer answer = { .digest = says[first].digest };

        for (end = first; end < count && strcmp(says[end].digest, says[first].digest) == 0; end++)
            answer.q += says[end].q;
        answer.votes = end - first;
        answer.q /= (double)answer.votes;
        out->distinct++;
        for (int g = 0; g < GUESSES; g++)
            if (!best[g].digest || ranks_before(&answer, &best[g])) {
                const struct answer keep = best[g];
                best[g] = answer;
                if (!keep.digest)
                    break;
                answer = keep;
            }
    }
    for (int g = 0; g < GUESSES; g++)
        out->right[g] = (g && out->right[g - 1]) || (best[g].digest && strcmp(best[g].digest, truth) == 0);
}

/* The answers that the dataset has for the images of each test input: one. */
static int find_truths(struct say **out, const nyx_arc_vote *vote)
{
    struct say *truths;
    int         status = nyx_alloc(&truths, vote->rows * (int64_t)sizeof *truths);

    if (status < 0)
        return status;
    for (int64_t row = 0; row < vote->rows; row++) {
        truths[row] = (struct say){ .task = vote->dataset->variants.task[vote->dataset->test.ids[row]],
                                    .pair = vote->dataset->test.pairs[row] };
        digest_of(truths[row].digest, vote, row, vote->dataset->test.targets + row * vote->dataset->length);
    }
    qsort(truths, (size_t)vote->rows, sizeof *truths, compare_says);
    for (int64_t i = 1; i < vote->rows; i++)
        if (truths[i].task == truths[i - 1].task && truths[i].pair == truths[i - 1].pair &&
            strcmp(truths[i].digest, truths[i - 1].digest) != 0) {
            status = nyx_error_set(NYX_ERR_INPUT, "images of test input %d of task '%s' have different answers",
                                   truths[i].pair,
                                   nyx_json_text(nyx_json_item(vote->dataset->variants.names, truths[i].task), "?"));
            nyx_free(truths);
            return status;
        }
    *out = truths;
    return NYX_OK;
}

/* Sums over tasks: ARC's score is the mean over tasks of the share of its test
 * inputs that are right. */
struct total {
    int64_t tasks, inputs, right[GUESSES];
    double  score[GUESSES];
};

static void add_task(struct total *total, nyx_json *list, const nyx_arc_vote *vote, const struct say *says,
                     const struct say *truths, int64_t rows)
{
    nyx_json *entry = nyx_json_push_object(list);
    int64_t   inputs = 0, distinct = 0, right[GUESSES] = { 0 };

    for (int64_t first = 0, end; first < rows; first = end) {
        struct verdict verdict;

        for (end = first; end < rows && says[end].pair == says[first].pair; end++)
            ;
        judge(&verdict, says + first, end - first, truths[first].digest);
        inputs++;
        distinct += verdict.distinct;
        for (int g = 0; g < GUESSES; g++)
            right[g] += verdict.right[g];
    }
    nyx_json_set_text(entry, "name", nyx_json_text(nyx_json_item(vote->dataset->variants.names, says->task), "?"));
    nyx_json_set_int(entry, "inputs", inputs);
    nyx_json_set_int(entry, "votes", rows);
    nyx_json_set_int(entry, "answers", distinct);
    nyx_json_set_real(entry, "top1", (double)right[0] / (double)inputs);
    nyx_json_set_real(entry, "top2", (double)right[1] / (double)inputs);
    total->tasks++;
    total->inputs += inputs;
    for (int g = 0; g < GUESSES; g++) {
        total->right[g] += right[g];
        total->score[g] += (double)right[g] / (double)inputs;
    }
}

int nyx_arc_vote_finish(nyx_arc_vote *vote, nyx_json *out)
{
    struct total total = { 0 };
    struct say  *truths = NULL;
    nyx_json    *list;
    int          status = find_truths(&truths, vote);

    if (status < 0)
        return status;
    for (int64_t row = 0; row < vote->rows; row++)
        NYX_BUG_IF(!vote->says[row].given);
    qsort(vote->says, (size_t)vote->rows, sizeof *vote->says, compare_says);
    list = nyx_json_add_array(out, "per_task");
    for (int64_t first = 0, end; first < vote->rows; first = end) {
        for (end = first; end < vote->rows && vote->says[end].task == vote->says[first].task; end++)
            ;
        add_task(&total, list, vote, vote->says + first, truths + first, end - first);
    }
    nyx_json_set_int(out, "tasks", total.tasks);
    nyx_json_set_int(out, "inputs", total.inputs);
    nyx_json_set_int(out, "votes", vote->rows);
    nyx_json_set_real(out, "top1", total.score[0] / (double)total.tasks);
    nyx_json_set_real(out, "top2", total.score[1] / (double)total.tasks);
    nyx_json_set_int(out, "inputs_top1", total.right[0]);
    nyx_json_set_int(out, "inputs_top2", total.right[1]);
    nyx_free(truths);
    return NYX_OK;
}
