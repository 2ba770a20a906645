/* cli: a made-up tool is run in child processes, each on one command line. */
#include "base/caches.h"
#include "cli/cli.h"
#include "scratch.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the made-up tool ----------------------------------------------------------- */

static struct {
    bool        fast;
    int64_t     count;
    double      ratio;
    const char *format, *mode, *input, *second, *output, *parts;
} args = { .count = 3, .ratio = 0.5, .format = "q8", .mode = "print" };

static int check_format(const char *value)
{
    return value[0] == 'q' ? 0 : nyx_error_set(NYX_ERR_USAGE, "'%s' is no format", value);
}

static const char *const modes[] = { "print", "table", "fail", "no", "stop", "wait", "bug",
                                     "warn", "numeric", "progress", NULL };
static const char *const part_names[] = { "left", "right", NULL };
static const nyx_opt opts[] = {
    { .kind = NYX_OPT_INPUT, .value = &args.input, .arg = "IN", .help = "what is read", .required = true },
    { .kind = NYX_OPT_INPUT, .value = &args.second, .arg = "SECOND", .help = "what else is read" },
    { .kind = NYX_OPT_GROUP, .help = "Options" },
    { .kind = NYX_OPT_FLAG, .name = "fast", .letter = 'f', .value = &args.fast, .help = "hurry" },
    { .kind = NYX_OPT_INT, .name = "count", .letter = 'c', .value = &args.count, .arg = "N",
      .help = "how often, a sentence so long that it cannot stand on one line of a page [3]", .least = 1 },
    { .kind = NYX_OPT_REAL, .name = "ratio", .value = &args.ratio, .arg = "X", .help = "share [0.5]" },
    { .kind = NYX_OPT_CHECK, .name = "format", .value = &args.format, .arg = "NAME",
      .help = "number format [q8]", .check = check_format },
    { .kind = NYX_OPT_CHOICE, .name = "mode", .value = &args.mode, .arg = "MODE",
      .help = "what to do [print]", .choices = modes },
    { .kind = NYX_OPT_OUTPUT, .name = "output", .letter = 'o', .value = &args.output, .arg = "FILE",
      .help = "what is written [none]" },
    { .kind = NYX_OPT_TEXT, .name = "parts", .value = &args.parts, .arg = "NAME,...", .choices = part_names,
      .help = ".x 'is' 3 \xc2\xb1 1 \\ \"it\" [all]" },
    { .kind = NYX_OPT_END },
};

static int run_table(void)
{
    nyx_table *table = nyx_table_create(3);
    static const char *const cells[] = { "name", "bits", "kept", "int4:g32", "4.5", "98.1 %",
                                         "f16 \xc2\xb1", "16", "-" };

    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        nyx_table_cell(table, "%s", cells[i]);
    nyx_table_print(table);
    return 0;
}

static int run(nyx_report *report)
{
    nyx_json_set_text(nyx_report_result(report), "mode", args.mode);
    if (strcmp(args.mode, "table") == 0)
        return run_table();
    if (strcmp(args.mode, "fail") == 0)
        return nyx_error_set(NYX_ERR_INPUT, "cannot read '%s': it is bad", args.input);
    if (strcmp(args.mode, "numeric") == 0)
        return nyx_error_set(NYX_ERR_NUMERIC, "the loss became infinite");
    if (strcmp(args.mode, "no") == 0)
        return NYX_EXIT_NO;
    NYX_BUG_IF(strcmp(args.mode, "bug") == 0);
    if (strcmp(args.mode, "warn") == 0)
        nyx_cli_note("warning: %s is old", args.input);
    for (int i = 0; strcmp(args.mode, "progress") == 0 && i < 3; i++)
        nyx_cli_progress("step", i, 3, "loss 1.5");
    if (strcmp(args.mode, "stop") == 0)
        raise(SIGTERM);
    if (strcmp(args.mode, "wait") == 0) {
        raise(SIGUSR1);
        raise(SIGINT);
        raise(SIGTERM); /* does not return */
        return NYX_EXIT_NO;
    }
    if (nyx_stop_requested())
        return nyx_error_set(NYX_ERR_STOPPED, "stopped at step 3; run the same line to go on");
    nyx_cli_print("fast %d count %lld ratio %g format %s in %s second %s out %s seed %llu/%d threads "
                  "%d device %s\n", args.fast, (long long)args.count, args.ratio, args.format,
                  args.input, args.second ? args.second : "none", args.output ? args.output : "none",
                  (unsigned long long)nyx_cli_common->seed, nyx_cli_common->seed_given,
                  nyx_cli_common->threads, nyx_cli_common->device);
    return 0;
}

static const char *many[3];
static const nyx_opt many_opts[] = {
    { .kind = NYX_OPT_INPUT, .value = many, .arg = "FILE...", .help = "what is read", .required = true,
      .most = 3 },
    { .kind = NYX_OPT_END },
};

static int run_many(nyx_report *report)
{
    (void)report;
    for (int i = 0; i < 3 && many[i]; i++)
        nyx_cli_print("%s%s", i ? " " : "", many[i]);
    nyx_cli_print("\n");
    return 0;
}

static const nyx_command commands[] = {
    { .name = "make", .purpose = "make it", .usage = "[OPTIONS] IN", .examples = "nyx-multi make x",
      .opts = opts, .run = run },
    { .name = "show", .purpose = "show it", .usage = "[OPTIONS] IN", .examples = "nyx-multi show x",
      .opts = opts, .run = run },
    { .name = NULL },
};
static const nyx_tool single = {
    .command = { .name = "nyx-single", .purpose = "do one thing", .usage = "[OPTIONS] IN [SECOND]",
                 .examples = "nyx-single a\n  nyx-single a -o b\n", .opts = opts, .run = run,
                 .description = "One thing,\n\nthen no other.", .see_also = "nyx-multi(1)" },
};
static const nyx_tool several = {
    .command = { .name = "nyx-many", .purpose = "list files", .usage = "FILE...",
                 .examples = "nyx-many a b", .opts = many_opts, .run = run_many },
};
static const nyx_tool multi = {
    .command = { .name = "nyx-multi", .purpose = "do several things", .examples = "nyx-multi make x\n" },
    .commands = commands,
};

/* ---- running it ------------------------------------------------------------------- */

static char out[8192], err[8192];

static void read_back(char text[8192], const char *path)
{
    FILE  *file = fopen(path, "r");
    size_t got;

    assert_non_null(file);
    got = fread(text, 1, 8191, file);
    text[got] = '\0';
    fclose(file);
}

static void redirect(int fd, const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (file < 0 || dup2(file, fd) < 0)
        _exit(99);
    close(file);
}

/* Run words separated by blanks; stdout goes to `stdout_path`, or is closed
 * when that is "closed". Returns the exit status, 128 + a signal. */
static int run_line(const char *line, const char *stdout_path)
{
    char  words[1024], *argv[32];
    int   argc = 0, status;
    pid_t child = fork();

    if (child == 0) {
        snprintf(words, sizeof words, "%s", line);
        for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
            argv[argc++] = word;
        argv[argc] = NULL;
        if (chdir(folder) < 0)
            _exit(98);
        redirect(2, "err");
        redirect(1, "out");
        if (strcmp(stdout_path, "closed") == 0)
            close(1);
        else
            redirect(1, stdout_path);
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        exit(nyx_cli_main(argc, argv, strcmp(argv[0], "nyx-multi") == 0  ? &multi
                                      : strcmp(argv[0], "nyx-many") == 0 ? &several
                                                                         : &single));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/out", folder);
    read_back(out, path);
    snprintf(path, sizeof path, "%s/err", folder);
    read_back(err, path);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A row: the line, its exit status, and what stdout and stderr must contain
 * ("" must be empty, NULL anything). */
struct row { const char *line; int status; const char *out, *err; };

static void check_stream(const char *line, const char *name, const char *text, const char *expected)
{
    if (expected && (*expected ? !strstr(text, expected) : *text))
        fail_msg("%s: %s is\n%s\nexpected\n%s", line, name, text, expected);
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int status = run_line(rows[i].line, "out");

        if (status != rows[i].status)
            fail_msg("%s: exit %d, expected %d; %s", rows[i].line, status, rows[i].status, err);
        check_stream(rows[i].line, "stdout", out, rows[i].out);
        check_stream(rows[i].line, "stderr", err, rows[i].err);
    }
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof *(rows))

/* ---- tests ------------------------------------------------------------------------- */

static void options_reach_their_variables(void **state)
{
    static const struct row rows[] = {
        { "nyx-single a", 0, "fast 0 count 3 ratio 0.5 format q8 in a second none out none "
                             "seed 0/0 threads 0 device auto\n", "" },
        { "nyx-single --fast --count=5 --ratio 1e-3 a b", 0,
          "fast 1 count 5 ratio 0.001 format q8 in a second b", "" },
        { "nyx-single -fc7 a -o out.h5", 0, "fast 1 count 7 ratio 0.5 format q8 in a second none out out.h5", "" },
        { "nyx-single -f --no-fast a", 0, "fast 0", "" },
        { "nyx-single -oout.h5 -- -a --fast", 0, "fast 0 count 3 ratio 0.5 format q8 in -a second --fast", "" },
        { "nyx-single --seed=18 --threads=2 --device=vulkan:1 a", 0, "seed 18/1 threads 2 device vulkan:1", "" },
        { "nyx-single --count=5 --count=6 -", 0, "count 6 ratio 0.5 format q8 in -", "" },
        { "nyx-single --device=cpu:avx2 a", 0, "device cpu:avx2", "" },
        { "nyx-many a b c", 0, "a b c\n", "" },
        { "nyx-many a -- b", 0, "a b\n", "" },
        { "nyx-multi make a", 0, "in a", "" },
        { "nyx-multi show --fast a", 0, "fast 1", "" },
    };

    (void)state;
    CHECK_ROWS(rows);
}

static void wrong_lines_are_64_and_say_why(void **state)
{
    static const struct row rows[] = {
        { "nyx-single", 64, "", "nyx-single: argument IN is missing; try 'nyx-single --help'\n" },
        { "nyx-single --cuont=3 a", 64, "", "unknown option '--cuont'; did you mean '--count'?" },
        { "nyx-single --zzzzzz a", 64, "", "unknown option '--zzzzzz'; try" },
        { "nyx-single --no-count a", 64, "", "unknown option '--no-count'" },
        { "nyx-single --no-help a", 0, NULL, NULL },
        { "nyx-single -z a", 64, "", "unknown option '-z'" },
        { "nyx-single --count a", 64, "", "option '--count' is 'a', a whole number expected" },
        { "nyx-single a --count", 64, "", "option '--count' needs a value N" },
        { "nyx-single a -c", 64, "", "option '-c' needs a value N" },
        { "nyx-single --count=0 a", 64, "", "option '--count' is 0, at least 1 expected" },
        { "nyx-single --count=99999999999999999999 a", 64, "", "a whole number expected" },
        { "nyx-single --count=3x a", 64, "", "a whole number expected" },
        { "nyx-single --ratio=nan a", 64, "", "option '--ratio' is 'nan', a number expected" },
        { "nyx-single --ratio=1e999 a", 64, "", "a number expected" },
        { "nyx-single --fast=1 a", 64, "", "option '--fast' takes no value" },
        { "nyx-single --format=x a", 64, "", "option '--format': 'x' is no format; try" },
        { "nyx-single --mode=tabel a", 64, "", "option '--mode' is 'tabel'; did you mean 'table'?" },
        { "nyx-single --mode=zzzzzz a", 64, "", "one of print, table, fail" },
        { "nyx-single --device=gpu a", 64, "", "'gpu' is no device" },
        { "nyx-single --device=vulkan: a", 64, "", "'vulkan:' is no device" },
        { "nyx-single --seed=-1 a", 64, "", "option '--seed' is -1, at least 0 expected" },
        { "nyx-single --threads=5000 a", 64, "", "at most 4096" },
        { "nyx-single a b c", 64, "", "unexpected argument 'c'" },
        { "nyx-single --output= a", 64, "", "option '--output' is empty" },
        { "nyx-single --device=cpu: a", 64, "", "'cpu:' is no device" },
        { "nyx-many", 64, "", "argument FILE... is missing" },
        { "nyx-many a b c d", 64, "", "more than 3 arguments FILE..." },
        { "nyx-multi", 64, "", "no command given, one of make, show expected; try 'nyx-multi --help'" },
        { "nyx-multi mkae", 64, "", "unknown command 'mkae'; did you mean 'make'?" },
        { "nyx-multi --no-such-option", 64, "", "try 'nyx-multi --help'" },
        { "nyx-multi make", 64, "", "nyx-multi make: argument IN is missing; try 'nyx-multi make --help'" },
    };

    (void)state;
    CHECK_ROWS(rows);
}

static void outputs_never_replace_inputs_or_each_other(void **state)
{
    static const struct row rows[] = {
        { "nyx-single here -o here", 64, "", "output 'here' would replace input 'here'" },
        { "nyx-single here -o ./hard", 64, "", "output './hard' would replace input 'here'" },
        { "nyx-single here -o soft", 64, "", "would replace input" },
        { "nyx-single here --report=here", 64, "", "output 'here' would replace input 'here'" },
        { "nyx-many a b here --report=here", 64, "", "output 'here' would replace input 'here'" },
        { "nyx-single x -o new --report=./new", 64, "", "two outputs would be 'new'" },
        { "nyx-single x -o new --report=sub/new", 0, "out new", "" },
        { "nyx-single x -o - --report=-", 64, "", "two outputs would be '-'" },
        { "nyx-single /dev/null -o /dev/null --report=/dev/null", 0, "out /dev/null", "" },
        { "nyx-single - -o -", 0, "out -", "" },
    };

    (void)state;
    CHECK_ROWS(rows);
}

static void pages_are_on_stdout(void **state)
{
    static const struct row rows[] = {
        { "nyx-single --version", 0, "nyx-single " NYX_VERSION "\n", "" },
        { "nyx-multi --version", 0, "nyx-multi " NYX_VERSION "\n", "" },
        { "nyx-single -h", 0, "nyx-single -- do one thing\n\nUsage: nyx-single [OPTIONS] IN [SECOND]\n\n"
                              "Arguments:\n  IN                      what is read\n", "" },
        { "nyx-single --help", 0, "\nOptions:\n  -f, --fast              hurry\n", "" },
        { "nyx-single --help", 0, "  -c, --count=N           how often, a sentence so long that it cannot stand on\n"
                                  "                          one line of a page [3]\n", "" },
        { "nyx-single --help", 0, "\nExamples:\n  nyx-single a\n  nyx-single a -o b\n", "" },
        { "nyx-single --help", 0, "one of print, table,", "" },
        { "nyx-multi --help", 0, "\nCommands:\n  make                    make it\n", "" },
        { "nyx-multi make --help", 0, "Usage: nyx-multi make [OPTIONS] IN\n", "" },
    };

    (void)state;
    CHECK_ROWS(rows);
    for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n"))
        assert_true(strlen(line) <= 80);
}

/* What roff would read as its own is spelt out, and a hidden option shows nowhere. */
static void the_manual_page_has_every_section(void **state)
{
    static const char *const sections[] = {
        ".SH NAME\nnyx-single \\-\ndo one thing\n.SH SYNOPSIS\n",
        ".SH DESCRIPTION\nOne thing,\n.PP\nthen no other.\n.SH OPTIONS\n",
        ".SS \"Arguments\"\n.TP\n\\fIIN\\fR\nwhat is read\n",
        "\\fB\\-c\\fR, \\fB\\-\\-count\\fR=\\fIN\\fR\nhow often, a sentence so long that it cannot stand on one line "
        "of a "
        "page\n[3]\n",
        "\\&.x \\(aqis\\(aq 3 \\[u00B1] 1 \\e \\(dqit\\(dq [all]\n",
        "what to do [print]; one of print, table,",
        ".SH \"EXIT STATUS\"\n.TP\n.B 0\ndone\n",
        ".SH FILES\n",
        "read:\nwhat else is read\n",
        "written:\nwhat is written\n",
        ".SH EXAMPLES\n.EX\n\\&nyx\\-single a\n\\&nyx\\-single a \\-o b\n.EE\n",
        ".SH \"SEE ALSO\"\nnyx\\-multi(1)\n",
    };

    (void)state;
    assert_int_equal(run_line("nyx-single --make-page=man", "out"), 0);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (!strstr(out, sections[i]))
            fail_msg("not in the page:\n%s\n%s", sections[i], out);
    assert_null(strstr(out, "make\\-page\\fR"));
    assert_int_equal(run_line("nyx-multi --make-page=man", "out"), 0);
    assert_non_null(strstr(out, "\\fBnyx\\-multi make\\fR [OPTIONS] IN\n.br\n\\fBnyx\\-multi show\\fR [OPTIONS] IN\n"));
    assert_non_null(strstr(out, ".SH \"COMMAND SHOW\"\n"));
}

static void the_completion_knows_names_words_and_files(void **state)
{
    static const char *const lines[] = { "_nyx_multi()\n", "'') files=0 words=' make show' ;;\n", "    'make')\n",
        "names=' --fast --count= --ratio= --format= --mode= --output= --parts='\n", "--count|-c) files=0 ;;\n",
        "--output|-o) files=1 ;;\n", "--parts) files=0 list=1 words=' left right' ;;\n",
        "--mode) files=0 words=' print table", "--progress) files=0 words=' auto always never' ;;\n",
        "names+=' --report= ", "complete -o bashdefault -o default -F _nyx_multi nyx-multi\n" };

    (void)state;
    assert_int_equal(run_line("nyx-multi --make-page=bash", "out"), 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(out, lines[i]))
            fail_msg("not in the script:\n%s\n%s", lines[i], out);
    assert_null(strstr(out, "--make-page= ")); /* hidden */
}

static void results_become_exit_statuses(void **state)
{
    static const struct row rows[] = {
        { "nyx-single --mode=fail a", 65, "", "nyx-single: cannot read 'a': it is bad\n" },
        { "nyx-single --mode=no a", 1, "", "" },
        { "nyx-single --mode=numeric a", 1, "", "nyx-single: the loss became infinite\n" },
        { "nyx-single --mode=bug a", 70, "", "BUG: " },
        { "nyx-single --mode=stop a", 75, "", "nyx-single: stopped at step 3; run the same line" },
        { "nyx-single --mode=wait a", 75, "", "" },
        { "nyx-single --report=none/r.json a", 73, NULL, "cannot create 'none/r.json'" },
        { "nyx-single --report=/dev/full a", 74, NULL, "cannot write '/dev/full': No space left" },
        { "nyx-single --mode=fail --report=/dev/full a", 65, "", "cannot read 'a': it is bad\n" },
        { "nyx-single --mode=warn a", 0, NULL, "nyx-single: warning: a is old\n" },
        { "nyx-single --mode=warn -q a", 0, NULL, "" },
        { "nyx-single --mode=progress a", 0, NULL, "" },
        { "nyx-single --mode=progress --progress=always a", 0, NULL,
          "nyx-single: step 0/3 (0 %), loss 1.5\n" },
        { "nyx-single --mode=progress --progress=always -q a", 0, NULL, "" },
        { "nyx-single --mode=table a", 0, "name      bits    kept\n"
                                          "int4:g32   4.5  98.1 %\n"
                                          "f16 \xc2\xb1       16       -\n", "" },
    };

    (void)state;
    CHECK_ROWS(rows);
}

static void a_stdout_that_takes_nothing_is_74(void **state)
{
    (void)state;
    static const char *const lines[] = { "nyx-single a", "nyx-single --help", "nyx-single --version" };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(run_line(lines[i], "/dev/full"), 74);
        assert_non_null(strstr(err, "cannot write standard output: No space left on device"));
        assert_int_equal(run_line(lines[i], "closed"), 74);
        assert_non_null(strstr(err, "cannot write standard output: Bad file descriptor"));
    }
    assert_int_equal(run_line("nyx-single --mode=no a", "closed"), 1);
}

static void reports_are_written_on_failure_too(void **state)
{
    static const struct { const char *mode, *status, *error; } rows[] = {
        { "print", "ok", NULL }, { "no", "no", NULL }, { "fail", "error", "cannot read 'a': it is bad" },
        { "stop", "stopped", "stopped at step 3; run the same line to go on" },
        { "numeric", "no", "the loss became infinite" }, { "warn", "ok", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char      line[128], path[PATH_MAX];
        nyx_json *json;

        snprintf(line, sizeof line, "nyx-multi make --mode=%s --seed=4 --report=r.json a", rows[i].mode);
        run_line(line, "out");
        snprintf(path, sizeof path, "%s/r.json", folder);
        assert_int_equal(nyx_json_read(&json, path), 0);
        assert_int_equal(nyx_schema_check("report", json, path), 0);
        assert_string_equal(nyx_json_text(nyx_json_get(json, "status"), ""), rows[i].status);
        assert_string_equal(nyx_json_text(nyx_json_get(json, "error"), "none"),
                            rows[i].error ? rows[i].error : "none");
        assert_string_equal(nyx_json_text(nyx_json_get(json, "schema"), ""), "nyx.multi/1");
        assert_string_equal(nyx_json_text(nyx_json_get(json, "run.command"), ""), "make");
        assert_int_equal(nyx_json_int(nyx_json_get(json, "run.seed"), 0), 4);
        assert_int_equal(nyx_json_count(nyx_json_get(json, "warnings")), strcmp(rows[i].mode, "warn") == 0);
        nyx_json_free(json);
    }
    assert_int_equal(run_line("nyx-single --report=- a", "out"), 0);
    assert_int_equal(out[0], '{'); /* the words went to stderr */
    assert_non_null(strstr(err, "fast 0"));
}

static int fill_folder(void **state)
{
    char path[PATH_MAX], other[PATH_MAX];
    FILE *file;

    if (make_folder(state) < 0)
        return -1;
    snprintf(path, sizeof path, "%s/here", folder);
    file = fopen(path, "w");
    if (!file || fclose(file) != 0)
        return -1;
    snprintf(other, sizeof other, "%s/hard", folder);
    if (link(path, other) < 0)
        return -1;
    snprintf(other, sizeof other, "%s/sub", folder);
    if (mkdir(other, 0777) < 0)
        return -1;
    snprintf(other, sizeof other, "%s/soft", folder);
    return symlink("here", other);
}

/* The environment's answer, seen by a tool in a child process. */
static void caches_live_where_the_environment_says(void **state)
{
    static const struct { const char *caches, *home, *expected; } rows[] = {
        { "/a/b", "/home/me", "/a/b/nyx" }, { "", "/home/me", "/home/me/.cache/nyx" },
        { "relative", "/home/me", "/home/me/.cache/nyx" }, { NULL, "/home/me", "/home/me/.cache/nyx" },
        { NULL, "me", "" }, { NULL, NULL, "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const pid_t child = fork();
        int         status;

        if (child == 0) {
            char *argv[] = { "nyx-many", "a", NULL };

            unsetenv("XDG_CACHE_HOME");
            unsetenv("HOME");
            if ((rows[i].caches && setenv("XDG_CACHE_HOME", rows[i].caches, 1) < 0) ||
                (rows[i].home && setenv("HOME", rows[i].home, 1) < 0) || chdir(folder) < 0)
                _exit(98);
            redirect(1, "out");
            status = nyx_cli_main(2, argv, &several);
            _exit(status ? status : strcmp(nyx_cache_folder(), rows[i].expected) != 0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_reach_their_variables),
        cmocka_unit_test(wrong_lines_are_64_and_say_why),
        cmocka_unit_test(outputs_never_replace_inputs_or_each_other),
        cmocka_unit_test(pages_are_on_stdout),
        cmocka_unit_test(the_manual_page_has_every_section),
        cmocka_unit_test(the_completion_knows_names_words_and_files),
        cmocka_unit_test(results_become_exit_statuses),
        cmocka_unit_test(a_stdout_that_takes_nothing_is_74),
        cmocka_unit_test(reports_are_written_on_failure_too),
        cmocka_unit_test(caches_live_where_the_environment_says),
    };

    return cmocka_run_group_tests(tests, fill_folder, remove_folder);
}
