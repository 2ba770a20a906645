/* options -- from argv to the variables of a tool. */
#include "cli/internal.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_OPTIONS = 96 };

nyx_common           nyx_cli__common = { .device = "auto" };
const nyx_common    *nyx_cli_common = &nyx_cli__common;
struct nyx_cli__line nyx_cli__line = { .progress = "auto" };

static int64_t seed, threads;

/* auto, cpu, cpu:SET (an instruction set, known to device/), vulkan, vulkan:N, and
 * cpu+vulkan; behind a comma the switches of a Vulkan device, known to
 * device/vulkan/, or of auto, known to run/. */
static int check_device(const char *value)
{
    const char  *plus = strchr(value, '+');
    const size_t length = strcspn(value, ",");
    const char  *number = strncmp(value, "vulkan:", 7) == 0 ? value + 7 : NULL;
    const size_t digits = number ? strspn(number, "0123456789") : 0;

    if (plus && strncmp(value, "cpu", 3) == 0 && (value[3] == ':' || value[3] == '+') &&
        strncmp(plus, "+vulkan", 7) == 0)
        return check_device(plus + 1);
    if ((length == 4 && strncmp(value, "auto", 4) == 0) || strcmp(value, "cpu") == 0 ||
        (strncmp(value, "cpu:", 4) == 0 && value[4]) || (length == 6 && strncmp(value, "vulkan", 6) == 0) ||
        (digits > 0 && digits < 3 && length == 7 + digits))
        return 0;
    return nyx_error_set(NYX_ERR_USAGE, "'%s' is no device; auto, cpu, vulkan, vulkan:N and cpu+vulkan are",
                         value);
}

static const char *const devices[] = { "auto", "cpu", "vulkan", NULL };
static const char *const progress_choices[] = { "auto", "always", "never", NULL };
static const char *const pages[] = { "man", "bash", NULL };

const nyx_opt nyx_cli__options[] = {
    { .kind = NYX_OPT_GROUP, .help = "Common options" },
    { .kind = NYX_OPT_OUTPUT, .name = "report", .value = &nyx_cli__line.report, .arg = "FILE",
      .help = "write a JSON report, also after a failure; - is standard output [none]" },
    { .kind = NYX_OPT_INT, .name = "seed", .value = &seed, .arg = "N",
      .help = "seed of every random choice [0]" },
    { .kind = NYX_OPT_CHECK, .name = "device", .value = &nyx_cli__common.device, .arg = "DEVICE",
      .help = "auto, cpu, vulkan or vulkan:N; to train also cpu+vulkan:N, both [auto]", .check = check_device,
      .choices = devices },
    { .kind = NYX_OPT_INT, .name = "threads", .value = &threads, .arg = "N",
      .help = "processor threads, 0: as many as the machine has; results never depend on it [0]" },
    { .kind = NYX_OPT_CHOICE, .name = "progress", .value = &nyx_cli__line.progress, .arg = "WHEN",
      .help = "show progress on standard error [auto]", .choices = progress_choices },
    { .kind = NYX_OPT_FLAG, .name = "dry-run", .value = &nyx_cli__common.dry_run,
      .help = "say what would be done, write no output" },
    { .kind = NYX_OPT_FLAG, .name = "quiet", .letter = 'q', .value = &nyx_cli__common.quiet,
      .help = "no notes and no progress" },
    { .kind = NYX_OPT_FLAG, .name = "verbose", .letter = 'v', .value = &nyx_cli__common.verbose,
      .help = "more notes" },
    { .kind = NYX_OPT_FLAG, .name = "help", .letter = 'h', .value = &nyx_cli__line.help,
      .help = "this page" },
    { .kind = NYX_OPT_FLAG, .name = "version", .letter = 'V', .value = &nyx_cli__line.version,
      .help = "name and version" },
    { .kind = NYX_OPT_CHOICE, .name = "make-page", .value = &nyx_cli__line.page, .arg = "KIND", .choices = pages },
    { .kind = NYX_OPT_END },
};

/* Both tables as one, the tool's own options first. */
struct table {
    const nyx_opt *opts[MOST_OPTIONS];
    bool           seen[MOST_OPTIONS];
    int            count;
};

static void gather(struct table *table, const nyx_opt *opts)
{
    for (; opts && opts->kind != NYX_OPT_END; opts++) {
        NYX_BUG_IF(table->count == MOST_OPTIONS);
        if (opts->kind != NYX_OPT_GROUP)
            table->opts[table->count++] = opts;
    }
}

static int usage(const char *fmt, ...) NYX_PRINTF(1, 2);
static int usage(const char *fmt, ...)
{
    char    text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return nyx_error_set(NYX_ERR_USAGE, "%s; try '%s --help'", text, nyx_cli__name());
}

/* ---- values ------------------------------------------------------------------- */

static int set_int(const nyx_opt *opt, const char *what, const char *text)
{
    char     *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (end == text || *end || errno || isspace((unsigned char)*text))
        return usage("%s is '%s', a whole number expected", what, text);
    if (value < opt->least)
        return usage("%s is %lld, at least %lld expected", what, value, (long long)opt->least);
    *(int64_t *)opt->value = value;
    return 0;
}

static int set_real(const nyx_opt *opt, const char *what, const char *text)
{
    char  *end;
    double value = strtod(text, &end);

    if (end == text || *end || !isfinite(value) || isspace((unsigned char)*text))
        return usage("%s is '%s', a number expected", what, text);
    if (value < (double)opt->least)
        return usage("%s is %g, at least %lld expected", what, value, (long long)opt->least);
    *(double *)opt->value = value;
    return 0;
}

static int set_choice(const nyx_opt *opt, const char *what, const char *text)
{
    const char *nearest = nyx_text_nearest(text, opt->choices);
    char        list[512] = "";

    for (int i = 0; opt->choices[i]; i++) {
        if (strcmp(opt->choices[i], text) == 0) {
            *(const char **)opt->value = text;
            return 0;
        }
        size_t used = strlen(list);

        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", opt->choices[i]);
    }
    if (nearest)
        return usage("%s is '%s'; did you mean '%s'?", what, text, nearest);
    return usage("%s is '%s', one of %s expected", what, text, list);
}

static int set_value(const nyx_opt *opt, const char *what, const char *text)
{
    switch (opt->kind) {
    case NYX_OPT_INT:
        return set_int(opt, what, text);
    case NYX_OPT_REAL:
        return set_real(opt, what, text);
    case NYX_OPT_CHOICE:
        return set_choice(opt, what, text);
    case NYX_OPT_CHECK:
        if (opt->check(text) < 0)
            return usage("%s: %s", what, nyx_error_text());
        break;
    case NYX_OPT_INPUT:
    case NYX_OPT_OUTPUT:
        if (!*text)
            return usage("%s is empty, a file name expected", what);
        break;
    case NYX_OPT_TEXT:
        break;
    default:
        nyx_bug(__FILE__, __LINE__, "an option of this kind has no value");
    }
    *(const char **)opt->value = text;
    return 0;
}

/* ---- options ------------------------------------------------------------------ */

static int find_named(const struct table *table, const char *name, size_t length)
{
    for (int i = 0; i < table->count; i++)
        if (table->opts[i]->name && strlen(table->opts[i]->name) == length &&
            memcmp(table->opts[i]->name, name, length) == 0)
            return i;
    return -1;
}

static int unknown_option(const struct table *table, const char *word, size_t length)
{
    const char *names[MOST_OPTIONS + 1], *nearest;
    char        name[64];
    int         count = 0;

    snprintf(name, sizeof name, "%.*s", (int)length, word);
    for (int i = 0; i < table->count; i++)
        if (table->opts[i]->name && table->opts[i]->help)
            names[count++] = table->opts[i]->name;
    names[count] = NULL;
    nearest = nyx_text_nearest(name, names);
    if (nearest)
        return usage("unknown option '--%s'; did you mean '--%s'?", name, nearest);
    return usage("unknown option '--%s'", name);
}

/* --name, --name=value, --name value, --no-name. *at moves over the value. */
static int parse_long(struct table *table, int argc, char **argv, int *at)
{
    const char *word = argv[*at] + 2, *equals = strchr(word, '=');
    size_t      length = equals ? (size_t)(equals - word) : strlen(word);
    bool        no = false;
    char        what[80];
    int         found = find_named(table, word, length);

    if (found < 0 && strncmp(word, "no-", 3) == 0) {
        found = find_named(table, word + 3, length - 3);
        no = found >= 0;
    }
    if (found < 0 || (no && table->opts[found]->kind != NYX_OPT_FLAG))
        return unknown_option(table, word, length);
    table->seen[found] = true;
    if (table->opts[found]->kind == NYX_OPT_FLAG) {
        if (equals)
            return usage("option '--%.*s' takes no value", (int)length, word);
        *(bool *)table->opts[found]->value = !no;
        return 0;
    }
    snprintf(what, sizeof what, "option '--%s'", table->opts[found]->name);
    if (!equals && *at + 1 == argc)
        return usage("%s needs a value %s", what, table->opts[found]->arg);
    return set_value(table->opts[found], what, equals ? equals + 1 : argv[++*at]);
}

/* -q, -qv, -o FILE, -oFILE */
static int parse_short(struct table *table, int argc, char **argv, int *at)
{
    for (const char *letter = argv[*at] + 1; *letter; letter++) {
        char what[32];
        int  found = 0;

        while (found < table->count && table->opts[found]->letter != *letter)
            found++;
        if (found == table->count)
            return usage("unknown option '-%c'", *letter);
        table->seen[found] = true;
        if (table->opts[found]->kind == NYX_OPT_FLAG) {
            *(bool *)table->opts[found]->value = true;
            continue;
        }
        snprintf(what, sizeof what, "option '-%c'", *letter);
        if (!letter[1] && *at + 1 == argc)
            return usage("%s needs a value %s", what, table->opts[found]->arg);
        return set_value(table->opts[found], what, letter[1] ? letter + 1 : argv[++*at]);
    }
    return 0;
}

/* A positional that takes several: into the first free place of its array. */
static int add_word(const nyx_opt *opt, const char *word)
{
    const char **words = opt->value;

    for (int64_t i = 0; i < opt->most; i++)
        if (!words[i]) {
            words[i] = word;
            return 0;
        }
    return usage("more than %lld arguments %s", (long long)opt->most, opt->arg);
}

static int parse_positional(struct table *table, const char *word)
{
    for (int i = 0; i < table->count; i++) {
        const nyx_opt *opt = table->opts[i];

        if (opt->name || (table->seen[i] && !opt->most))
            continue;
        table->seen[i] = true;
        return opt->most ? add_word(opt, word) : set_value(opt, opt->arg, word);
    }
    return usage("unexpected argument '%s'", word);
}

static int parse_words(struct table *table, int argc, char **argv)
{
    bool only_arguments = false;
    int  status;

    for (int at = 0; at < argc; at++) {
        const char *word = argv[at];

        if (!only_arguments && strcmp(word, "--") == 0) {
            only_arguments = true;
            continue;
        }
        if (only_arguments || word[0] != '-' || !word[1])
            status = parse_positional(table, word);
        else if (word[1] == '-')
            status = parse_long(table, argc, argv, &at);
        else
            status = parse_short(table, argc, argv, &at);
        if (status < 0)
            return status;
    }
    return 0;
}

/* ---- what must hold for the line as a whole ----------------------------------- */

static int check_required(const struct table *table)
{
    for (int i = 0; i < table->count; i++) {
        const nyx_opt *opt = table->opts[i];

        if (!opt->required || table->seen[i])
            continue;
        if (opt->name)
            return usage("option '--%s=%s' is missing", opt->name, opt->arg);
        return usage("argument %s is missing", opt->arg);
    }
    return 0;
}

/* The folder that a path stands in, and its last part. */
static const char *split(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');

    snprintf(folder, PATH_MAX, "%.*s.", slash ? (int)(slash - path + 1) : 0, path);
    return slash ? slash + 1 : path;
}

/* Would writing one replace the other? Devices and pipes can be shared. */
static bool same_place(const char *a, const char *b)
{
    struct stat info;
    char        left[PATH_MAX], right[PATH_MAX];

    if (strcmp(a, "-") == 0 || strcmp(b, "-") == 0)
        return strcmp(a, b) == 0;
    if (stat(a, &info) == 0)
        return !S_ISCHR(info.st_mode) && !S_ISFIFO(info.st_mode) && nyx_file_same(a, b);
    return strcmp(split(a, left), split(b, right)) == 0 && nyx_file_same(left, right);
}

/* Does `path` lie in `folder`, at any depth? */
static bool lies_in(const char *path, const char *folder)
{
    struct stat info;
    char        place[PATH_MAX], outer[PATH_MAX], inner[PATH_MAX];
    size_t      length;

    split(path, place);
    if (stat(folder, &info) < 0 || !S_ISDIR(info.st_mode) || !realpath(folder, outer) || !realpath(place, inner))
        return false;
    length = strlen(outer);
    return strncmp(outer, inner, length) == 0 && (!inner[length] || inner[length] == '/' || length == 1);
}

/* `out` against the file or files of one other option. */
static int check_pair(const char *out, const nyx_opt *opt)
{
    const char **others = opt->value;

    for (int64_t i = 0; i < (opt->most ? opt->most : 1) && others[i]; i++) {
        if (opt->kind == NYX_OPT_INPUT && strcmp(others[i], "-") && same_place(out, others[i]))
            return usage("output '%s' would replace input '%s'; choose another name", out, others[i]);
        if (opt->whole && strcmp(out, "-") && lies_in(out, others[i]))
            return usage("output '%s' would lie in '%s', which is read whole; choose a place outside of it", out,
                         others[i]);
        if (opt->kind == NYX_OPT_OUTPUT && same_place(out, others[i]))
            return usage("two outputs would be '%s'; give each its own name", out);
    }
    return 0;
}

static int check_files(const struct table *table)
{
    for (int i = 0; i < table->count; i++) {
        const char *out = table->opts[i]->kind == NYX_OPT_OUTPUT
                              ? *(const char **)table->opts[i]->value : NULL;

        for (int k = 0; out && k < table->count; k++) {
            const enum nyx_opt_kind kind = table->opts[k]->kind;
            int                     status;

            if ((kind == NYX_OPT_INPUT || (kind == NYX_OPT_OUTPUT && k > i)) &&
                (status = check_pair(out, table->opts[k])) < 0)
                return status;
        }
    }
    return 0;
}

static int find_command(const char *word)
{
    const nyx_command *commands = nyx_cli__line.tool->commands;
    const char        *names[MOST_OPTIONS + 1], *nearest;
    char               list[512] = "";
    int                count = 0;

    for (; commands[count].name; count++) {
        size_t used = strlen(list);

        NYX_BUG_IF(count == MOST_OPTIONS);
        names[count] = commands[count].name;
        snprintf(list + used, sizeof list - used, "%s%s", count ? ", " : "", names[count]);
        if (word && strcmp(names[count], word) == 0) {
            nyx_cli__line.command = &commands[count];
            return 0;
        }
    }
    names[count] = NULL;
    nearest = word ? nyx_text_nearest(word, names) : NULL;
    if (!word)
        return usage("no command given, one of %s expected", list);
    if (nearest)
        return usage("unknown command '%s'; did you mean '%s'?", word, nearest);
    return usage("unknown command '%s', one of %s expected", word, list);
}

int nyx_cli__parse(int argc, char **argv)
{
    struct table table = { .count = 0 };
    int          status, first = 1;

    if (!nyx_cli__line.tool->commands) {
        nyx_cli__line.command = &nyx_cli__line.tool->command;
    } else if (argc > 1 && argv[1][0] != '-') {
        if ((status = find_command(argv[1])) < 0)
            return status;
        first = 2;
    }
    if (nyx_cli__line.command)
        gather(&table, nyx_cli__line.command->opts);
    gather(&table, nyx_cli__options);
    if ((status = parse_words(&table, argc - first, argv + first)) < 0)
        return status;
    if (nyx_cli__line.help || nyx_cli__line.version || nyx_cli__line.page)
        return 0;
    if (!nyx_cli__line.command)
        return find_command(NULL);
    nyx_cli__common.seed = (uint64_t)seed;
    nyx_cli__common.seed_given = table.seen[find_named(&table, "seed", 4)];
    if (threads > 4096)
        return usage("option '--threads' is %lld, at most 4096 expected", (long long)threads);
    nyx_cli__common.threads = (int)threads;
    if ((status = check_required(&table)) < 0)
        return status;
    return check_files(&table);
}
