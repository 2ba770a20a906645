/* help -- the page that --help prints, made from the option tables. */
#include "cli/internal.h"

#include <string.h>

enum { COLUMN = 26, WIDTH = 80 };

const struct nyx_cli__status nyx_cli__statuses[] = {
    { "0", "done" },
    { "1", "done, and the answer is no (a threshold missed, a training diverged)" },
    { "64", "the command line is wrong" },
    { "65, 66", "an input is malformed, is missing" },
    { "69", "not possible on this machine" },
    { "70", "a bug in Nyx" },
    { "71", "memory ran out" },
    { "73, 74", "an output cannot be created, cannot be written" },
    { "75", "stopped, or the device was lost; run the same line again" },
    { 0 },
};

/* Words from column `at` on, wrapped behind column COLUMN. */
static void put_wrapped(int at, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, " ");
        char   word[WIDTH * 4];
        int    width;

        snprintf(word, sizeof word, "%.*s", (int)length, text);
        width = nyx_cli__width(word);
        if (at > COLUMN && at + 1 + width > WIDTH) {
            nyx_cli_print("\n");
            at = 0;
        }
        if (at < COLUMN)
            nyx_cli_print("%*s", COLUMN - at, "");
        else if (at > COLUMN)
            nyx_cli_print(" ");
        at = (at < COLUMN ? COLUMN : at > COLUMN ? at + 1 : at) + width;
        nyx_cli_print("%s", word);
        text += length + strspn(text + length, " ");
    }
    nyx_cli_print("\n");
}

void nyx_cli__option_text(char text[NYX_CLI__HELP], const nyx_opt *opt)
{
    snprintf(text, NYX_CLI__HELP, "%s%s", opt->help ? opt->help : "", opt->required && opt->name ? " (required)" : "");
    for (int i = 0; opt->kind == NYX_OPT_CHOICE && opt->choices[i]; i++) {
        size_t used = strlen(text);

        snprintf(text + used, NYX_CLI__HELP - used, "%s%s", i ? ", " : "; one of ", opt->choices[i]);
    }
}

static void put_option(const nyx_opt *opt)
{
    char left[128], letter[8] = "    ", right[NYX_CLI__HELP];

    if (opt->letter)
        snprintf(letter, sizeof letter, "-%c, ", opt->letter);
    if (opt->name)
        snprintf(left, sizeof left, "  %s--%s%s%s", letter, opt->name, opt->arg ? "=" : "",
                 opt->arg ? opt->arg : "");
    else
        snprintf(left, sizeof left, "  %s", opt->arg);
    nyx_cli__option_text(right, opt);
    nyx_cli_print("%s", left);
    if ((int)strlen(left) + 2 > COLUMN) {
        nyx_cli_print("\n");
        left[0] = '\0';
    }
    put_wrapped((int)strlen(left), right);
}

/* Positional arguments first, then the groups in the order of the table. */
static void put_options(const nyx_opt *opts)
{
    bool headed = false;

    for (const nyx_opt *opt = opts; opt && opt->kind != NYX_OPT_END; opt++) {
        if (opt->kind == NYX_OPT_GROUP || opt->name)
            continue;
        nyx_cli_print("%s", headed ? "" : "\nArguments:\n");
        headed = true;
        put_option(opt);
    }
    headed = false;
    for (const nyx_opt *opt = opts; opt && opt->kind != NYX_OPT_END; opt++) {
        if (opt->kind != NYX_OPT_GROUP && !opt->name)
            continue;
        if (opt->kind == NYX_OPT_GROUP)
            nyx_cli_print("\n%s:\n", opt->help);
        else if (!headed)
            nyx_cli_print("\nOptions:\n");
        headed = true;
        if (opt->name && opt->help)
            put_option(opt);
    }
}

static void put_commands(const nyx_command *commands)
{
    nyx_cli_print("\nCommands:\n");
    for (; commands->name; commands++) {
        char left[64];

        snprintf(left, sizeof left, "  %s", commands->name);
        nyx_cli_print("%s", left);
        put_wrapped((int)strlen(left), commands->purpose);
    }
}

static void put_exit_status(void)
{
    nyx_cli_print("\nExit status:\n");
    for (const struct nyx_cli__status *row = nyx_cli__statuses; row->status; row++)
        nyx_cli_print("  %-7s %s\n", row->status, row->meaning);
}

/* Each line of the examples indented, however the tool wrote it. */
static void put_examples(const char *text)
{
    nyx_cli_print("\nExamples:\n");
    while (*text) {
        size_t length;

        text += strspn(text, " ");
        length = strcspn(text, "\n");
        nyx_cli_print("  %.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

void nyx_cli__help(void)
{
    const nyx_tool    *tool = nyx_cli__line.tool;
    const nyx_command *command = nyx_cli__line.command ? nyx_cli__line.command : &tool->command;
    bool               whole = tool->commands && command == &tool->command;

    nyx_cli_print("%s -- %s\n\nUsage: %s %s\n", nyx_cli__name(), command->purpose, nyx_cli__name(),
                  command->usage ? command->usage : "COMMAND [OPTIONS]");
    if (whole)
        put_commands(tool->commands);
    else
        put_options(command->opts);
    put_options(nyx_cli__options);
    nyx_cli_print("\nA flag is taken back by --no-FLAG; -- ends the options.\n");
    put_exit_status();
    put_examples(command->examples ? command->examples : "");
    if (whole)
        nyx_cli_print("\nTry '%s COMMAND --help'.\n", nyx_cli__name());
}
