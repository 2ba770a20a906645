/* plan -- what becomes of each tensor. */
#include "compress/internal.h"

#include <string.h>

static const char folder[] = "/tensors/";

struct nyx_compress__matrix nyx_compress__matrix_of(const nyx_shape *shape)
{
    struct nyx_compress__matrix matrix = { 1, shape->rank ? shape->dims[shape->rank - 1] : 1 };

    for (int i = 0; i + 1 < shape->rank; i++)
        matrix.rows *= shape->dims[i];
    return matrix;
}

/* Why a tensor cannot be coded whatever the recipe says; NULL: it can. */
static const char *unfit(const nyx_entry *entry)
{
    if (entry->coded)
        return "already coded";
    if (!nyx_dtype_is_real(entry->dtype))
        return "not of a float type";
    if (entry->shape.rank < 2)
        return "no matrix";
    if (entry->shape.dims[entry->shape.rank - 1] < NYX_COMPRESS_COLS_LEAST)
        return "rows of fewer than 16";
    return nyx_shape_count(&entry->shape) == 0 ? "empty" : NULL;
}

static int decide(nyx_compress *plan, nyx_compress_tensor *tensor, const nyx_recipe *recipe)
{
    const nyx_entry       *entry = tensor->entry;
    const nyx_recipe_rule *rule = nyx_recipe_find(recipe, entry->name);
    nyx_plane_bytes        planes;
    nyx_layout             layout;
    int                    status;

    tensor->elems = nyx_shape_count(&entry->shape);
    tensor->bytes_before = tensor->bytes_after = entry->bytes;
    if (rule)
        plan->rule_tensors[rule - recipe->rules]++;
    tensor->keep = unfit(entry);
    if (!tensor->keep && !rule)
        tensor->keep = "no rule matches";
    if (!tensor->keep && rule->keep)
        tensor->keep = "kept by the recipe";
    if (tensor->keep)
        return 0;
    tensor->format = rule->format;
    tensor->method = rule->method;
    if ((status = nyx_format_planes(&planes, &tensor->format, &entry->shape)) < 0 ||
        (status = nyx_format_layout(&layout, &tensor->format, &entry->shape)) < 0)
        return nyx_error_wrap(status, "tensor '%s'", entry->name);
    tensor->plain = layout.lattice == NYX_LATTICE_PLAIN;
    tensor->dtype = layout.dtype;
    tensor->bytes_after = planes.codes + planes.scales + planes.zeros + planes.globals;
    return 0;
}

static int collect(nyx_compress *plan, const nyx_recipe *recipe)
{
    int status = 0;

    for (int64_t i = 0; i < nyx_reader_count(plan->file) && status == 0; i++) {
        const nyx_entry *entry = nyx_reader_entry(plan->file, i);

        if (strncmp(entry->path, folder, sizeof folder - 1) != 0)
            continue; /* the optimizer's part of a checkpoint */
        plan->tensors[plan->count].entry = entry;
        status = decide(plan, &plan->tensors[plan->count], recipe);
        plan->count++;
    }
    if (status == 0 && plan->count == 0)
        status = nyx_error_set(NYX_ERR_INPUT, "the %s file holds no tensors under %s; a model file "
                               "is needed", nyx_reader_kind(plan->file), folder);
    return status;
}

/* One rule may be for other models; a recipe of which every rule is, is for another model. */
static int check_rules(const nyx_compress *plan)
{
    for (int i = 0; i < plan->rule_count; i++)
        if (plan->rule_tensors[i])
            return 0;
    return nyx_error_set(NYX_ERR_INPUT, "the recipe names no tensor of it; is it for another model? Its names are such "
                         "as '%s'", plan->tensors[0].entry->name);
}

int nyx_compress_plan(nyx_compress **out, nyx_reader *file, const nyx_recipe *recipe)
{
    nyx_compress *plan;
    int           status;

    *out = NULL;
    if ((status = nyx_alloc(&plan, sizeof *plan)) < 0)
        return status;
    plan->file = file;
    plan->rule_count = recipe->count;
    if ((status = nyx_alloc(&plan->tensors, nyx_reader_count(file) * (int64_t)sizeof *plan->tensors)) < 0 ||
        (status = nyx_alloc(&plan->rule_tensors, recipe->count * (int64_t)sizeof *plan->rule_tensors)) < 0 ||
        (status = collect(plan, recipe)) < 0 || (status = check_rules(plan)) < 0) {
        nyx_compress_free(plan);
        return status;
    }
    *out = plan;
    return 0;
}

void nyx_compress_free(nyx_compress *plan)
{
    if (!plan)
        return;
    nyx_free(plan->tensors);
    nyx_free(plan->rule_tensors);
    nyx_free(plan);
}

double nyx_compress_bits(const nyx_compress_tensor *tensor)
{
    return tensor->elems ? 8.0 * (double)tensor->bytes_after / (double)tensor->elems : 0.0;
}

/* ---- recipes ----------------------------------------------------------------- */

int nyx_compress_recipe(nyx_recipe *out, const nyx_format *format, enum nyx_method method, bool all)
{
    static const char *const kept[] = { "*embed*", "*head*", "*norm*", "*puzzle*", "*position*", "*init" };
    int                      keep_count = all ? 0 : (int)(sizeof kept / sizeof *kept), status;

    *out = (nyx_recipe){ 0 };
    if ((status = nyx_alloc(&out->rules, (keep_count + 1) * (int64_t)sizeof *out->rules)) < 0)
        return status;
    for (int i = 0; i <= keep_count && status == 0; i++) {
        nyx_recipe_rule *rule = &out->rules[i];

        rule->keep = i < keep_count;
        if (!rule->keep) {
            rule->format = *format;
            rule->method = method;
        }
        status = nyx_text_copy(&rule->pattern, rule->keep ? kept[i] : "*");
        out->count = i + 1;
    }
    if (status < 0)
        nyx_recipe_release(out);
    return status;
}

int nyx_compress_recipe_sha256(char hex[NYX_SHA256_HEX], const nyx_recipe *recipe)
{
    nyx_sha256 hash;
    int        status = 0;

    nyx_sha256_init(&hash);
    for (int i = 0; i < recipe->count && status == 0; i++) {
        const nyx_recipe_rule *rule = &recipe->rules[i];
        char                   format[NYX_FORMAT_TEXT] = "keep", *line;

        if (!rule->keep)
            nyx_format_text(format, &rule->format);
        status = nyx_text_format(&line, "%s\t%s\t%s\n", rule->pattern, format,
                                 rule->keep ? "" : nyx_method_name(rule->method));
        if (status == 0)
            nyx_sha256_update(&hash, line, (int64_t)strlen(line));
        nyx_free(line);
    }
    nyx_sha256_final(&hash, hex);
    return status;
}
