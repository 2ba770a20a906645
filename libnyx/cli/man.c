/* man -- the manual page of a tool, made from its option tables.
 *
 * man(7) macros that groff and mandoc both take without a complaint. A tool
 * with commands has one page; each command is a section of its options and
 * examples.
 */
#include "cli/internal.h"

#include <ctype.h>
#include <string.h>

enum { WIDTH = 72 };

/* ---- text ------------------------------------------------------------------------ */

/* One character of UTF-8, spelt out by its number; returns its bytes. */
static size_t put_character(const unsigned char *text)
{
    const size_t bytes = *text >= 0xf0 ? 4 : *text >= 0xe0 ? 3 : 2;
    unsigned     code = *text & (0xffu >> (bytes + 1));

    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return i;
        code = code << 6 | (text[i] & 0x3f);
    }
    nyx_cli_print("\\[u%04X]", code);
    return bytes;
}

/* Text inside a line: what roff would take as its own is spelt out. Hyphens are
 * those of a command line, which people copy. */
static void put(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        const unsigned char c = (unsigned char)text[i];

        if (c >= 0xc0) {
            i += put_character((const unsigned char *)text + i);
            continue;
        }
        switch (c) {
        case '\\': nyx_cli_print("\\e"); break;
        case '-':  nyx_cli_print("\\-"); break;
        case '\'': nyx_cli_print("\\(aq"); break;
        case '`':  nyx_cli_print("\\(ga"); break;
        case '^':  nyx_cli_print("\\(ha"); break;
        case '~':  nyx_cli_print("\\(ti"); break;
        case '"':  nyx_cli_print("\\(dq"); break;
        default:   nyx_cli_print("%c", c); break;
        }
        i++;
    }
}

/* Words in lines of at most WIDTH bytes, as people like to read the source too;
 * a line may not begin with what would be a macro. */
static void put_lines(const char *text, size_t length)
{
    const char *end = text + length;
    size_t      at = 0;

    while (text < end) {
        size_t word = strcspn(text, " ");

        if (word > (size_t)(end - text))
            word = (size_t)(end - text);
        if (word) {
            nyx_cli_print("%s", at == 0 ? "" : at + 1 + word > WIDTH ? "\n" : " ");
            at = at + 1 + word > WIDTH ? 0 : at + (at > 0);
            nyx_cli_print("%s", at == 0 && *text == '.' ? "\\&" : "");
            put(text, word);
            at += word;
        }
        text += word + (text + word < end);
    }
    nyx_cli_print("\n");
}

/* Paragraphs, an empty line between two. */
static void put_paragraphs(const char *text)
{
    for (const char *end; (end = strstr(text, "\n\n")); text = end + 2) {
        put_lines(text, (size_t)(end - text));
        nyx_cli_print(".PP\n");
    }
    put_lines(text, strlen(text));
}

/* A heading with a capital: "common options" -> "Common options". */
static void put_heading(const char *text)
{
    char head[128];

    snprintf(head, sizeof head, "%s", text);
    head[0] = (char)toupper((unsigned char)head[0]);
    nyx_cli_print(".SS \"");
    put(head, strlen(head));
    nyx_cli_print("\"\n");
}

/* ---- options ------------------------------------------------------------------- */

static void put_tag(const nyx_opt *opt)
{
    nyx_cli_print(".TP\n");
    if (opt->letter)
        nyx_cli_print("\\fB\\-%c\\fR, ", opt->letter);
    if (opt->name) {
        nyx_cli_print("\\fB\\-\\-");
        put(opt->name, strlen(opt->name));
        nyx_cli_print("\\fR%s", opt->arg ? "=" : "");
    }
    if (opt->arg) {
        nyx_cli_print("\\fI");
        put(opt->arg, strlen(opt->arg));
        nyx_cli_print("\\fR");
    }
    nyx_cli_print("\n");
}

static void put_option(const nyx_opt *opt)
{
    char text[NYX_CLI__HELP];

    put_tag(opt);
    nyx_cli__option_text(text, opt);
    put_lines(text, strlen(text));
}

static void put_options(const nyx_opt *opts, const char *heading)
{
    bool headed = false;

    for (const nyx_opt *opt = opts; opt && opt->kind != NYX_OPT_END; opt++)
        if (opt->kind != NYX_OPT_GROUP && !opt->name) {
            if (!headed)
                put_heading("arguments");
            headed = true;
            put_option(opt);
        }
    headed = false;
    for (const nyx_opt *opt = opts; opt && opt->kind != NYX_OPT_END; opt++) {
        if (opt->kind == NYX_OPT_GROUP) {
            put_heading(opt->help);
            headed = true;
        } else if (opt->name && opt->help) {
            if (!headed)
                put_heading(heading);
            headed = true;
            put_option(opt);
        }
    }
}

/* ---- sections -------------------------------------------------------------------- */

static void put_title(const char *name)
{
    nyx_cli_print(".\\\" Made by %s --make-page=man out of its option table.\n.TH ", name);
    for (const char *c = name; *c; c++)
        nyx_cli_print("%c", toupper((unsigned char)*c));
    nyx_cli_print(" 1 \"%s\" \"Nyx %s\" \"Nyx Manual\"\n.nh\n.ad l\n", NYX_RELEASED, NYX_VERSION);
}

static void put_synopsis(const char *tool, const char *command, const char *usage)
{
    nyx_cli_print("\\fB");
    put(tool, strlen(tool));
    if (command) {
        nyx_cli_print(" ");
        put(command, strlen(command));
    }
    nyx_cli_print("\\fR ");
    put(usage, strlen(usage));
    nyx_cli_print("\n");
}

static void put_examples(const char *text)
{
    nyx_cli_print(".EX\n");
    while (*text) {
        size_t length;

        text += strspn(text, " ");
        length = strcspn(text, "\n");
        nyx_cli_print("\\&");
        put(text, length);
        nyx_cli_print("\n");
        text += length + (text[length] == '\n');
    }
    nyx_cli_print(".EE\n");
}

/* What is read and written, from the kinds of the options. */
static void put_files(const nyx_opt *opts, const char *heading)
{
    for (const nyx_opt *opt = opts; opt && opt->kind != NYX_OPT_END; opt++) {
        if (!opt->help || (opt->kind != NYX_OPT_INPUT && opt->kind != NYX_OPT_OUTPUT))
            continue;
        if (heading)
            put_heading(heading);
        heading = NULL;
        put_tag(opt);
        nyx_cli_print("%s:\n", opt->kind == NYX_OPT_INPUT ? "read" : "written");
        put_lines(opt->help, strcspn(opt->help, "["));
    }
}

static void put_exit_status(void)
{
    nyx_cli_print(".SH \"EXIT STATUS\"\n");
    for (const struct nyx_cli__status *row = nyx_cli__statuses; row->status; row++)
        nyx_cli_print(".TP\n.B %s\n%s\n", row->status, row->meaning);
}

/* Pages of other tools as man(7) has them: nyx-eval(1). */
static void put_see_also(const char *text)
{
    nyx_cli_print(".SH \"SEE ALSO\"\n");
    if (text)
        put_lines(text, strlen(text));
    nyx_cli_print("%sWhat people do with these tools, task by task, and the bytes of every\nfile stand in\n"
                  ".I share/doc/nyx\nbeside this page: docs/index.md and schemas/README.md.\n", text ? ".PP\n" : "");
}

static void put_command(const char *tool, const nyx_command *command)
{
    nyx_cli_print(".SH \"COMMAND ");
    for (const char *c = command->name; *c; c++)
        nyx_cli_print("%c", toupper((unsigned char)*c));
    nyx_cli_print("\"\n");
    put_synopsis(tool, command->name, command->usage);
    nyx_cli_print(".PP\n");
    put_paragraphs(command->description ? command->description : command->purpose);
    put_options(command->opts, "options");
}

static void put_head(const nyx_tool *tool)
{
    const nyx_command *command = &tool->command;

    put_title(command->name);
    nyx_cli_print(".SH NAME\n%s \\-\n", command->name);
    put_lines(command->purpose, strlen(command->purpose));
    nyx_cli_print(".SH SYNOPSIS\n");
    if (!tool->commands)
        put_synopsis(command->name, NULL, command->usage);
    for (const nyx_command *c = tool->commands; c && c->name; c++) {
        put_synopsis(command->name, c->name, c->usage);
        nyx_cli_print("%s", c[1].name ? ".br\n" : "");
    }
    nyx_cli_print(".SH DESCRIPTION\n");
    put_paragraphs(command->description ? command->description : command->purpose);
}

void nyx_cli__man(void)
{
    const nyx_tool *tool = nyx_cli__line.tool;

    put_head(tool);
    for (const nyx_command *c = tool->commands; c && c->name; c++)
        put_command(tool->command.name, c);
    nyx_cli_print(".SH OPTIONS\nA flag is taken back by\n.BI \\-\\-no\\- FLAG ;\n.B \\-\\-\nends the options.\n"
                  "A default stands in brackets.\n");
    put_options(tool->command.opts, "options");
    put_options(nyx_cli__options, "options");
    put_exit_status();
    nyx_cli_print(".SH FILES\nOutputs appear whole or not at all: they are written beside their\n"
                  "place, checked, and renamed.\n");
    put_files(tool->command.opts, NULL);
    for (const nyx_command *c = tool->commands; c && c->name; c++)
        put_files(c->opts, c->name);
    put_files(nyx_cli__options, tool->commands ? "all of them" : NULL);
    nyx_cli_print(".SH EXAMPLES\n");
    if (tool->command.examples)
        put_examples(tool->command.examples);
    for (const nyx_command *c = tool->commands; c && c->name; c++)
        put_examples(c->examples ? c->examples : "");
    put_see_also(tool->command.see_also);
}
