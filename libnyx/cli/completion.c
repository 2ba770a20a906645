/* completion -- what bash completes behind the name of a tool, made from its
 * option tables.
 *
 * The script needs nothing but bash. It works on words as they were typed: bash
 * breaks them at '=' and ':' too and replaces only what stands behind the last
 * of these, so the rest is cut off each answer. Where the script has no answer,
 * bash completes file names, unless what follows is no file.
 */
#include "cli/internal.h"

#include <ctype.h>
#include <string.h>

/* The word being typed, the option it belongs to, and `front`, its "--name=". */
static const char head[] =
    "    local line=${COMP_LINE:0:COMP_POINT} command= names= words= files=1 list= front= before= i\n"
    "    local breaks=${COMP_WORDBREAKS//[^=:]/}\n"
    "    local -a typed offers\n"
    "    COMPREPLY=()\n"
    "    read -ra typed <<< \"$line\"\n"
    "    [[ $line != *[[:space:]] ]] || typed+=('')\n"
    "    local word=${typed[-1]} option=${typed[-2]}\n"
    "    case $word in --*=*) option=${word%%=*} front=$option= ;; esac\n";

static const char tail[] =
    "    case $word in --*=*) ;; -*) words=$names files=0 list= ;; esac\n"
    "    [ -z \"$breaks\" ] || before=${word%\"${word##*[$breaks]}\"}\n"
    "    [ -z \"$list\" ] || list=${word#\"$front\"} list=${list%\"${list##*,}\"}\n"
    "    read -ra offers <<< \"$words\"\n"
    "    for i in \"${offers[@]}\"; do\n"
    "        i=$front$list$i\n"
    "        [[ $i != \"$word\"* ]] || COMPREPLY+=(\"${i#\"$before\"}\")\n"
    "    done\n"
    "    [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2> /dev/null\n"
    "    [ $files = 1 ] || compopt +o default +o bashdefault 2> /dev/null\n"
    "    return 0\n";

/* Words in '...', as they are: names and choices have no blanks and no quotes. */
static void put_word(const char *word)
{
    NYX_BUG_IF(word[strcspn(word, " \t\n'\\")] != '\0');
    nyx_cli_print(" %s", word);
}

/* The options that begin a word: --name= where a value follows. */
static void put_names(const nyx_opt *opts)
{
    for (const nyx_opt *opt = opts; opt && opt->kind != NYX_OPT_END; opt++)
        if (opt->name && opt->help)
            nyx_cli_print(" --%s%s", opt->name, opt->kind == NYX_OPT_FLAG ? "" : "=");
}

/* NAME,... is a list: what was typed stays in front of the next. */
static bool is_list(const nyx_opt *opt)
{
    const size_t length = opt->arg ? strlen(opt->arg) : 0;

    return length > 4 && strcmp(opt->arg + length - 4, ",...") == 0;
}

/* A case for each option that takes a value. */
static void put_values(const nyx_opt *opts, const char *indent)
{
    for (const nyx_opt *opt = opts; opt && opt->kind != NYX_OPT_END; opt++) {
        if (!opt->name || !opt->help || opt->kind == NYX_OPT_FLAG)
            continue;
        nyx_cli_print("%s--%s", indent, opt->name);
        if (opt->letter)
            nyx_cli_print("|-%c", opt->letter);
        if (opt->choices) {
            nyx_cli_print(") files=0 %swords='", is_list(opt) ? "list=1 " : "");
            for (int i = 0; opt->choices[i]; i++)
                put_word(opt->choices[i]);
            nyx_cli_print("' ;;\n");
        } else {
            nyx_cli_print(") files=%d ;;\n", opt->kind == NYX_OPT_INPUT || opt->kind == NYX_OPT_OUTPUT);
        }
    }
}

/* What stands behind the tool or behind one of its commands. */
static void put_command(const char *name, const nyx_opt *opts)
{
    bool arguments = false;

    for (const nyx_opt *opt = opts; opt && opt->kind != NYX_OPT_END; opt++)
        arguments = arguments || (opt->kind != NYX_OPT_GROUP && !opt->name);
    nyx_cli_print("    '%s')\n        names='", name);
    put_names(opts);
    nyx_cli_print("'\n        case $option in\n");
    put_values(opts, "        ");
    nyx_cli_print("        *) files=%d ;;\n        esac ;;\n", arguments);
}

void nyx_cli__completion(void)
{
    const nyx_tool    *tool = nyx_cli__line.tool;
    const nyx_command *commands = tool->commands;
    char               function[64];

    snprintf(function, sizeof function, "_%s", tool->command.name);
    for (char *c = function; *c; c++)
        *c = isalnum((unsigned char)*c) ? *c : '_';
    nyx_cli_print("# bash completion of %s, made by %s --make-page=bash out of its option table.\n%s()\n{\n%s",
                  tool->command.name, tool->command.name, function, head);
    if (commands) {
        nyx_cli_print("    [ ${#typed[@]} -le 2 ] || command=${typed[1]}\n"
                      "    case $command in\n    '') files=0 words='");
        for (const nyx_command *c = commands; c->name; c++)
            put_word(c->name);
        nyx_cli_print("' ;;\n");
        for (const nyx_command *c = commands; c->name; c++)
            put_command(c->name, c->opts);
    } else {
        nyx_cli_print("    case $command in\n");
        put_command("", tool->command.opts);
    }
    nyx_cli_print("    esac\n    case $option in\n");
    put_values(nyx_cli__options, "    ");
    nyx_cli_print("    esac\n    names+='");
    put_names(nyx_cli__options);
    nyx_cli_print("'\n%s}\ncomplete -o bashdefault -o default -F %s %s\n", tail, function, tool->command.name);
}
