/* cli -- one command line for every tool, and the only place that prints.
 *
 * A tool describes itself in a nyx_tool and returns nyx_cli_main() from main().
 * The common options (--help --version --report --progress --seed --device
 * --threads --dry-run -q -v) are added, parsed and documented here, once.
 *
 * --help, the manual page and the completion of bash are made from the tables;
 * `make` writes the last two with --make-page=man and --make-page=bash, which no page shows.
 */
#ifndef NYX_CLI_H
#define NYX_CLI_H

#include "report/report.h"

enum nyx_opt_kind {
    NYX_OPT_END,
    NYX_OPT_GROUP,      /* a heading in --help: text in `help`               */
    NYX_OPT_FLAG,       /* bool *: --name, --no-name                         */
    NYX_OPT_INT,        /* int64_t *: decimal, at least `least`              */
    NYX_OPT_REAL,       /* double *: finite, at least `least`                */
    NYX_OPT_TEXT,       /* const char **                                     */
    NYX_OPT_CHOICE,     /* const char **: one of `choices`, checked while parsing */
    NYX_OPT_CHECK,      /* const char **: `check` says at parse time if it is good */
    NYX_OPT_INPUT,      /* const char **: a file read; must differ from outputs */
    NYX_OPT_OUTPUT,     /* const char **: a file written                     */
};

typedef struct {
    enum nyx_opt_kind kind;
    const char       *name;    /* long name, no dashes; NULL: positional     */
    char              letter;  /* short name, or 0                           */
    void             *value;
    const char       *arg;     /* FILE, N, SECONDS ...; NULL for a flag      */
    const char       *help;    /* lower case, no full stop, unit and [default]; NULL: hidden */
    const char *const *choices; /* NULL-terminated; of a CHECK or TEXT: what completion offers */
    int             (*check)(const char *value); /* 0 or a status with sentence */
    int64_t           least;   /* smallest value of an INT or a REAL         */
    int64_t           most;    /* positional INPUT: up to so many, value is an array */
    bool              required;
    bool              whole;   /* an INPUT that is a folder is read whole: no output may lie in it */
} nyx_opt;

/* What the common options said. Set before run() is called. */
typedef struct {
    uint64_t    seed;     /* [0] */
    int         threads;  /* 0: as many as the machine has */
    const char *device;   /* "auto", "cpu", "vulkan", "vulkan:N" */
    bool        dry_run, quiet, verbose;
    bool        seed_given;
} nyx_common;
extern const nyx_common *nyx_cli_common;

typedef struct {
    const char    *name;     /* "nyx-quantize"                              */
    const char    *purpose;  /* one line, shown first in --help             */
    const char    *usage;    /* "[OPTIONS] MODEL.h5 -o OUT.h5"              */
    const char    *examples; /* one or two command lines; the tests run them */
    const nyx_opt *opts;
    int          (*run)(nyx_report *report); /* 0, NYX_EXIT_NO or a negative status */
    const char    *description; /* the manual page: paragraphs, "\n\n" between; NULL: the purpose */
    const char    *see_also;    /* the manual page of a tool: "nyx-eval(1), docs/formats.md" */
} nyx_command;

typedef struct {
    nyx_command        command;     /* used when `commands` is NULL           */
    const nyx_command *commands;    /* sub-commands (nyx-data sudoku), ended by name NULL */
} nyx_tool;

enum { NYX_EXIT_OK = 0, NYX_EXIT_NO = 1 };

/* Parse, run, write the report (on failure too), print the one error line,
 * return the exit status (architecture.md section 7). Installs SIGINT,
 * SIGTERM, SIGUSR1 -> nyx_stop_request; ignores SIGPIPE and SIGXFSZ. */
int nyx_cli_main(int argc, char **argv, const nyx_tool *tool);

/* Results for people, on stdout. */
void nyx_cli_print(const char *fmt, ...) NYX_PRINTF(1, 2);
/* A note on stderr unless --quiet; `warning: ...` also goes into the report. */
void nyx_cli_note(const char *fmt, ...) NYX_PRINTF(1, 2);

/* Progress on stderr: a redrawn line on a terminal, else one line every few
 * seconds; nothing with --quiet or --progress=never. `detail` is free text
 * ("loss 1.234, 812 samples/s"); time left is added. */
void nyx_cli_progress(const char *what, int64_t done, int64_t total, const char *detail);
void nyx_cli_progress_end(void);

/* Rows of cells, columns aligned (numbers right). First row is the head. */
typedef struct nyx_table nyx_table;
nyx_table *nyx_table_create(int columns);
void       nyx_table_cell(nyx_table *table, const char *fmt, ...) NYX_PRINTF(2, 3); /* row after row */
void       nyx_table_print(nyx_table *table); /* to stdout; ends it */

#endif
