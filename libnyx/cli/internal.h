/* cli/internal -- what the files of cli/ share. */
#ifndef NYX_CLI_INTERNAL_H
#define NYX_CLI_INTERNAL_H

#include "cli/cli.h"

/* A command line being understood: which tool, which of its commands, and
 * what the options that every tool has said. */
struct nyx_cli__line {
    const nyx_tool    *tool;
    const nyx_command *command; /* NULL: only the tool is known so far */
    bool               help, version;
    const char        *report;   /* --report, or NULL */
    const char        *progress; /* auto|always|never */
    const char        *page;     /* --make-page: man|bash, or NULL */
};

extern const nyx_opt      nyx_cli__options[]; /* the common ones */
extern nyx_common         nyx_cli__common;
extern struct nyx_cli__line nyx_cli__line;

/* "nyx-data" or "nyx-data sudoku". */
const char *nyx_cli__name(void);

/* Understand argv; USAGE with a sentence. */
int nyx_cli__parse(int argc, char **argv);

/* Print --help for the command found, or for the tool. */
void nyx_cli__help(void);

/* Print the manual page, and the completion that bash reads, of the tool. */
void nyx_cli__man(void);
void nyx_cli__completion(void);

/* What --help and the manual page say of an option: help, "(required)", choices. */
enum { NYX_CLI__HELP = 1024 };
void nyx_cli__option_text(char text[NYX_CLI__HELP], const nyx_opt *opt);

/* Exit statuses and what they mean; ended by a status NULL. */
extern const struct nyx_cli__status {
    const char *status, *meaning;
} nyx_cli__statuses[];

/* The report that warnings go into; NULL: none. */
void nyx_cli__warn_into(nyx_report *report);

/* "NAME: TEXT" on stderr, whatever --quiet says. */
void nyx_cli__complain(const char *text);

/* Text for people was lost for want of memory. */
void nyx_cli__lose(void);
bool nyx_cli__lost(void);

/* Columns that a UTF-8 text takes, one a character. */
int nyx_cli__width(const char *text);

#endif
