/* report -- the document that a tool writes (schemas/report.schema.json). */
#include "report/report.h"

#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

struct nyx_report {
    nyx_json *root;
    nyx_json *run, *inputs, *outputs, *warnings, *result; /* inside root */
    int64_t   start_ns;
};

/* The value of "NAME : value" in a file such as /proc/cpuinfo; NULL when there
 * is none. *out ends with nyx_free. */
static char *proc_value(const char *path, const char *name)
{
    char   *text, *at, *value = NULL;
    int64_t bytes;

    if (nyx_file_read(&text, &bytes, path, 16 << 20) < 0)
        return NULL;
    at = strstr(text, name);
    if (at && (at = strchr(at, ':'))) {
        at += 1 + strspn(at + 1, " \t");
        at[strcspn(at, "\n")] = '\0';
        if (nyx_text_copy(&value, at) < 0)
            value = NULL;
    }
    nyx_free(text);
    return value;
}

static void describe_host(nyx_json *host)
{
    struct utsname name;
    char          *processor = proc_value("/proc/cpuinfo", "model name");
    char          *memory = proc_value("/proc/meminfo", "MemTotal");

    if (uname(&name) == 0) {
        nyx_json_set_text(host, "name", name.nodename);
        nyx_json_set_text(host, "system", name.sysname);
        nyx_json_set_text(host, "kernel", name.release);
        nyx_json_set_text(host, "machine", name.machine);
    }
    if (processor)
        nyx_json_set_text(host, "processor", processor);
    else
        nyx_json_set_null(host, "processor", "the system does not name it");
    nyx_json_set_int(host, "processors", nyx_cpu_count());
    if (memory)
        nyx_json_set_int(host, "memory_bytes", strtoll(memory, NULL, 10) * 1024);
    else
        nyx_json_set_null(host, "memory_bytes", "the system does not say");
    nyx_free(processor);
    nyx_free(memory);
}

static void describe_run(nyx_json *run, const char *tool, int argc, char **argv)
{
    time_t    now = time(NULL);
    struct tm utc;
    char      start[32];
    nyx_json *words;

    nyx_json_set_text(run, "tool", tool);
    nyx_json_set_text(run, "version", NYX_VERSION);
    words = nyx_json_add_array(run, "argv");
    for (int i = 0; i < argc; i++)
        nyx_json_push_text(words, argv[i]);
    nyx_json_set_null(run, "seed", NULL);
    nyx_json_set_null(run, "device", NULL);
    gmtime_r(&now, &utc);
    strftime(start, sizeof start, "%Y-%m-%dT%H:%M:%SZ", &utc);
    nyx_json_set_text(run, "start", start);
    describe_host(nyx_json_add_object(run, "host"));
}

/* "nyx-eval" writes documents of the schema "nyx.eval/1". */
static void set_schema(nyx_json *root, const char *tool)
{
    char name[128];

    snprintf(name, sizeof name, "%s/1", tool);
    for (char *p = name; *p; p++)
        if (*p == '-')
            *p = '.';
    nyx_json_set_text(root, "schema", name);
}

int nyx_report_create(nyx_report **out, const char *tool, int argc, char **argv)
{
    nyx_report *report;
    int         status;

    *out = NULL;
    if ((status = nyx_alloc(&report, sizeof *report)) < 0)
        return status;
    report->start_ns = nyx_clock_ns();
    report->root = nyx_json_object();
    if (!report->root) {
        nyx_free(report);
        return nyx_error_set(NYX_ERR_MEMORY, "cannot make a report: memory ran out");
    }
    set_schema(report->root, tool);
    report->run = nyx_json_add_object(report->root, "run");
    report->inputs = nyx_json_add_array(report->root, "inputs");
    report->outputs = nyx_json_add_array(report->root, "outputs");
    report->warnings = nyx_json_add_array(report->root, "warnings");
    report->result = nyx_json_add_object(report->root, "result");
    describe_run(report->run, tool, argc, argv);
    *out = report;
    return 0;
}

void nyx_report_free(nyx_report *report)
{
    if (!report)
        return;
    nyx_json_free(report->root);
    nyx_free(report);
}

nyx_json *nyx_report_run(nyx_report *report)
{
    return report->run;
}

nyx_json *nyx_report_result(nyx_report *report)
{
    return report->result;
}

/* Only a regular file can be read a second time for its hash. */
static int list_file(nyx_json *files, const char *path)
{
    struct stat info;
    char        hash[NYX_SHA256_HEX];
    int64_t     bytes = 0;
    bool        regular = stat(path, &info) != 0 || S_ISREG(info.st_mode);
    int         status = regular && strcmp(path, "-") != 0 ? nyx_sha256_file(hash, &bytes, path) : 1;
    nyx_json   *file;

    if (status < 0)
        return status;
    file = nyx_json_push_object(files);
    nyx_json_set_text(file, "path", path);
    if (status == 0) {
        nyx_json_set_int(file, "bytes", bytes);
        nyx_json_set_text(file, "sha256", hash);
    } else {
        nyx_json_set_null(file, "bytes", "not a regular file");
        nyx_json_set_null(file, "sha256", "not a regular file");
    }
    return 0;
}

int nyx_report_input(nyx_report *report, const char *path)
{
    return list_file(report->inputs, path);
}

void nyx_report_input_known(nyx_report *report, const char *path, int64_t bytes, const char *sha256)
{
    nyx_json *file = nyx_json_push_object(report->inputs);

    nyx_json_set_text(file, "path", path);
    nyx_json_set_int(file, "bytes", bytes);
    nyx_json_set_text(file, "sha256", sha256);
}

int nyx_report_output(nyx_report *report, const char *path)
{
    return list_file(report->outputs, path);
}

void nyx_report_warn(nyx_report *report, const char *fmt, ...)
{
    char    text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    nyx_json_push_text(report->warnings, text);
}

const char *nyx_report_input_sha256(const nyx_report *report, const char *path)
{
    for (int64_t i = 0; i < nyx_json_count(report->inputs); i++) {
        const nyx_json *file = nyx_json_item(report->inputs, i);

        if (strcmp(nyx_json_text(nyx_json_get(file, "path"), ""), path) == 0)
            return nyx_json_text(nyx_json_get(file, "sha256"), NULL);
    }
    return NULL;
}

int nyx_json_write(const char *path, const nyx_json *json, int indent)
{
    nyx_output *out = NULL;
    char       *text;
    int         status = nyx_json_print(&text, json, indent);

    if (status < 0)
        return status;
    if ((status = nyx_output_open(&out, path)) == 0 &&
        (status = nyx_output_write(out, text, (int64_t)strlen(text))) == 0 &&
        (status = nyx_output_write(out, "\n", 1)) == 0)
        status = nyx_output_commit(out);
    else
        nyx_output_discard(out);
    nyx_free(text);
    return status;
}

int nyx_report_write(nyx_report *report, const char *path, const char *status, const char *error)
{
    struct rusage usage;

    nyx_json_set_text(report->root, "status", status);
    if (error)
        nyx_json_set_text(report->root, "error", error);
    else
        nyx_json_set_null(report->root, "error", NULL);
    nyx_json_set_real(report->run, "duration_s", (double)(nyx_clock_ns() - report->start_ns) * 1e-9);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        nyx_json_set_int(report->run, "peak_memory_bytes", (int64_t)usage.ru_maxrss * 1024);
    return nyx_json_write(path, report->root, 2);
}
