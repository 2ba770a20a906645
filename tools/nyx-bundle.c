/* nyx-bundle -- a run as one file: made, listed, checked, extracted.
 *
 * Reads   folders and files; BUNDLE.tar.zst      docs/bundle.md
 * Writes  BUNDLE.tar.zst, or a folder
 * Report  schemas/bundle.schema.json
 */
#include "bundle/bundle.h"
#include "cli/cli.h"

enum { INPUTS_MOST = 256 };

static struct {
    const char *inputs[INPUTS_MOST], *bundle, *output, *folder;
    int64_t     max_size;
} args;

/* ---- what is said ------------------------------------------------------------------- */

static void progress(int64_t done_bytes, int64_t total_bytes)
{
    nyx_cli_progress("bytes", done_bytes, total_bytes, "");
}

static void describe(nyx_report *report, const nyx_bundle *bundle, const char *checked)
{
    nyx_bundle_describe(bundle, nyx_report_result(report));
    nyx_json_set_text(nyx_report_result(report), "checked", checked);
}

static void print_files(const nyx_bundle *bundle)
{
    nyx_table *table = nyx_table_create(4);

    nyx_table_cell(table, "bytes");
    nyx_table_cell(table, "sha256");
    nyx_table_cell(table, "kind");
    nyx_table_cell(table, "name");
    for (int64_t i = 0; i < nyx_bundle_count(bundle); i++) {
        const nyx_bundle_file *file = nyx_bundle_at(bundle, i);

        nyx_table_cell(table, "%lld", (long long)file->bytes);
        nyx_table_cell(table, "%s", file->sha256);
        nyx_table_cell(table, "%s", file->kind);
        nyx_table_cell(table, "%s", file->name);
    }
    nyx_table_print(table);
}

static void print_totals(const nyx_bundle *bundle, const char *what)
{
    nyx_cli_print("%s%lld files, %lld bytes", what, (long long)nyx_bundle_count(bundle),
                  (long long)nyx_bundle_bytes(bundle));
    if (nyx_bundle_packed_bytes(bundle))
        nyx_cli_print(" in %lld", (long long)nyx_bundle_packed_bytes(bundle));
    nyx_cli_print("\n");
}

/* ---- create ------------------------------------------------------------------------- */

static int run_create(nyx_report *report)
{
    nyx_bundle *bundle = NULL;
    int64_t     count = 0;
    int         status = 0;

    while (count < INPUTS_MOST && args.inputs[count])
        count++;
    if (!args.output && !nyx_cli_common->dry_run)
        return nyx_error_set(NYX_ERR_USAGE, "-o FILE.tar.zst is needed, unless with --dry-run");
    if (!nyx_cli_common->dry_run && (status = nyx_output_try(args.output)) < 0)
        return status;
    if ((status = nyx_bundle_collect(&bundle, args.inputs, count)) < 0)
        return status;
    for (int64_t i = 0; i < nyx_bundle_count(bundle); i++)
        nyx_report_input_known(report, nyx_bundle_at(bundle, i)->path, nyx_bundle_at(bundle, i)->bytes,
                               nyx_bundle_at(bundle, i)->sha256);
    nyx_bundle_watch(bundle, progress);
    if (!nyx_cli_common->dry_run && (status = nyx_bundle_write(bundle, args.output)) < 0)
        goto done;
    if (nyx_cli_common->dry_run || nyx_cli_common->verbose) {
        print_files(bundle);
        print_totals(bundle, "");
    }
    if (!nyx_cli_common->dry_run)
        status = nyx_report_output(report, args.output);
    describe(report, bundle, "everything");
done:
    nyx_bundle_free(bundle);
    return status;
}

/* ---- list, verify, extract ------------------------------------------------------------- */

static int open_bundle(nyx_bundle **out, nyx_report *report)
{
    int status = nyx_bundle_open(out, args.bundle, args.max_size);

    if (status < 0)
        return status;
    nyx_report_input_known(report, args.bundle, nyx_bundle_packed_bytes(*out), nyx_bundle_sha256(*out));
    nyx_bundle_watch(*out, progress);
    return 0;
}

static int run_list(nyx_report *report)
{
    nyx_bundle *bundle;
    int         status = open_bundle(&bundle, report);

    if (status < 0)
        return status;
    print_files(bundle);
    print_totals(bundle, "");
    describe(report, bundle, "manifest");
    nyx_bundle_free(bundle);
    return 0;
}

static int run_verify(nyx_report *report)
{
    nyx_bundle *bundle;
    int         status = open_bundle(&bundle, report);

    if (status < 0)
        return status;
    if ((status = nyx_bundle_verify(bundle)) == 0) {
        nyx_cli_progress_end();
        print_totals(bundle, "whole: ");
        describe(report, bundle, "everything");
    }
    nyx_bundle_free(bundle);
    return status;
}

static int run_extract(nyx_report *report)
{
    nyx_bundle *bundle;
    int         status;

    if (!args.folder && !nyx_cli_common->dry_run)
        return nyx_error_set(NYX_ERR_USAGE, "-o FOLDER is needed, unless with --dry-run");
    if ((status = open_bundle(&bundle, report)) < 0)
        return status;
    status = nyx_cli_common->dry_run ? nyx_bundle_verify(bundle) : nyx_bundle_extract(bundle, args.folder);
    if (status == 0) {
        if (nyx_cli_common->dry_run || nyx_cli_common->verbose)
            print_files(bundle);
        describe(report, bundle, "everything");
    }
    nyx_bundle_free(bundle);
    return status;
}

/* ---- command line ------------------------------------------------------------------------ */

#define BUNDLE { NYX_OPT_INPUT, .value = &args.bundle, .arg = "BUNDLE.tar.zst", .required = true, \
                 .help = "what nyx-bundle create made" }
#define MAX_SIZE { NYX_OPT_INT, "max-size", .value = &args.max_size, .arg = "BYTES", .least = 1, \
                   .help = "refuse bundles that hold more [64 GiB, and at most 1000 times the bundle and 16 KiB]" }

static const nyx_opt create_opts[] = {
    { NYX_OPT_INPUT, .value = args.inputs, .arg = "INPUT...", .required = true, .most = INPUTS_MOST, .whole = true,
      .help = "files, and folders that stand for all that lies in them" },
    { NYX_OPT_GROUP, .help = "Options" },
    { NYX_OPT_OUTPUT, "output", 'o', &args.output, "FILE.tar.zst",
      .help = "bundle to write; needed unless with --dry-run [none]" },
    { .kind = NYX_OPT_END },
};

static const nyx_opt read_opts[] = { BUNDLE, { NYX_OPT_GROUP, .help = "Options" }, MAX_SIZE, { .kind = NYX_OPT_END } };

static const nyx_opt extract_opts[] = {
    BUNDLE,
    { NYX_OPT_GROUP, .help = "Options" },
    { NYX_OPT_TEXT, "output", 'o', &args.folder, "FOLDER",
      .help = "folder to make, which must not exist; needed unless with --dry-run [none]" },
    MAX_SIZE,
    { .kind = NYX_OPT_END },
};

static const nyx_command commands[] = {
    {
        .name = "create",
        .purpose = "pack files so that equal files give an equal bundle",
        .usage = "[OPTIONS] INPUT... -o FILE.tar.zst",
        .examples = "nyx-bundle create run/demo -o demo.tar.zst\n"
                    "nyx-bundle create run/demo pipelines/demo.mk -o demo.tar.zst --report=bundle.json",
        .description = "A folder stands for all that lies in it, a file for itself under its last name. Regular files"
                       " alone are taken; links, devices, names that could not be extracted everywhere, and files "
                       "that change meanwhile are refused. Order on the disk, times, modes and owners do not count.",
        .opts = create_opts,
        .run = run_create,
    },
    {
        .name = "list",
        .purpose = "print names, sizes and digests",
        .usage = "[OPTIONS] BUNDLE.tar.zst",
        .examples = "nyx-bundle list demo.tar.zst",
        .description = "Prints what the manifest says, after the bundle as a whole was compared with the SHA-256 at "
                       "its end.",
        .opts = read_opts,
        .run = run_list,
    },
    {
        .name = "verify",
        .purpose = "unpack everything and compare it with the manifest",
        .usage = "[OPTIONS] BUNDLE.tar.zst",
        .examples = "nyx-bundle verify demo.tar.zst",
        .description = "Finds every turned bit, and members that are missing, extra, doubled or of another kind than "
                       "files.",
        .opts = read_opts,
        .run = run_verify,
    },
    {
        .name = "extract",
        .purpose = "verify, and write the files into a new folder",
        .usage = "[OPTIONS] BUNDLE.tar.zst -o FOLDER",
        .examples = "nyx-bundle extract demo.tar.zst -o demo",
        .description = "The folder takes its name when every file in it is whole and as the manifest says; before, "
                       "and after a failure, there is none. One that exists is refused.",
        .opts = extract_opts,
        .run = run_extract,
    },
    { 0 },
};

int main(int argc, char **argv)
{
    static const nyx_tool tool = { .command = {
        .name = "nyx-bundle",
        .purpose = "a run as one file that can be checked",
        .description = "Packs a run folder, or a list of files, into a bundle: a tar archive in zstd whose bytes "
                       "follow from its files alone, with a manifest of sizes, digests and histories. Checks such a "
                       "bundle, and extracts it without trusting it.",
        .see_also = "nyx-report(1), nyx-train(1); docs/bundle.md",
    }, .commands = commands };

    return nyx_cli_main(argc, argv, &tool);
}
