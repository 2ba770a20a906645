/* print -- of nyx-bench: figures beside limits, as a table. */
#include "parts.h"

#include "cli/cli.h"

static void cell_rate(nyx_table *table, double work, double seconds)
{
    if (work > 0.0 && seconds > 0.0)
        nyx_table_cell(table, "%.2f", work / seconds * 1e-9);
    else
        nyx_table_cell(table, "-");
}

/* Columns of the host's part in what a GPU did, where one of the figures has it. */
static bool has_host(const nyx_bench *bench)
{
    bool some = false;

    for (int64_t i = 0; i < nyx_bench_figure_count(bench); i++)
        some = some || nyx_bench_figure_at(bench, i)->host_s > 0.0;
    return some;
}

static void cells_host(nyx_table *table, const nyx_bench_figure *f)
{
    const bool known = f->host_s > 0.0, timed = known && !f->reason[0];

    nyx_table_cell(table, known ? "%.2f" : "-", f->host_s * 1e6);
    nyx_table_cell(table, timed ? "%.1f %%" : "-", timed ? 100.0 * f->host_s / f->median_s : 0.0);
    nyx_table_cell(table, known ? "%.4g" : "-", f->submits);
}

/* Of a GPU, what figures were compared with. */
static void print_limits(nyx_bench *bench)
{
    bool some = false;

    for (int rate = NYX_RATE_F32; rate <= NYX_RATE_INT8; rate++)
        if (nyx_bench_rate_known(bench, (enum nyx_rate)rate) > 0.0) {
            nyx_cli_print("%s %s %.1f", some ? "," : "loops in registers of the GPU:", nyx_rate_names[rate],
                          nyx_bench_rate_known(bench, (enum nyx_rate)rate) * 1e-9);
            some = true;
        }
    if (some)
        nyx_cli_print(" GFLOP/s\n");
    else if (!nyx_bench_on_gpu(bench))
        nyx_cli_print("register loop: %.1f GFLOP/s on %d threads\n", nyx_bench_peak_flops(bench) * 1e-9,
                      nyx_cli_common->threads ? nyx_cli_common->threads : nyx_cpu_count());
    if (nyx_bench_openblas())
        nyx_cli_print("OpenBLAS: its %s kernels\n", nyx_bench_openblas());
}

static void print_tuned(const nyx_bench *bench)
{
    for (int64_t i = 0; i < nyx_bench_tuned_count(bench); i++) {
        const nyx_bench_tuned *t = nyx_bench_tuned_at(bench, i);

        nyx_cli_print("tuned %s:", t->what);
        for (int g = 0; g < NYX_GENES; g++)
            nyx_cli_print(" %d", (int)t->genome.genes[g]);
        nyx_cli_print(" take %.2f us, the kernel's own choice %.2f; %lld tried, %lld refused, %lld wrong\n",
                      t->found.median_s * 1e6, t->found.usual_s * 1e6, (long long)t->tried, (long long)t->refused,
                      (long long)t->wrong);
    }
}

void bench_print(nyx_bench *bench)
{
    static const char *const head[] = { "op",       "what", "median us", "+-%",         "GFLOP/s",  "GB/s",
                                        "limit us", "by",   "of limit",  "OpenBLAS us", "peak MiB", "mJ",
                                        "host us",  "of run", "submits" };
    const size_t columns = sizeof head / sizeof *head - (has_host(bench) ? 0 : 3);
    nyx_table   *table = nyx_table_create((int)columns);

    for (size_t i = 0; i < columns; i++)
        nyx_table_cell(table, "%s", head[i]);
    for (int64_t i = 0; i < nyx_bench_figure_count(bench); i++) {
        const nyx_bench_figure *f = nyx_bench_figure_at(bench, i);
        const bool              known = !f->reason[0];

        nyx_table_cell(table, "%s", f->op);
        nyx_table_cell(table, "%s", f->what);
        nyx_table_cell(table, known ? "%.2f" : "-", f->median_s * 1e6);
        nyx_table_cell(table, known ? "%.1f" : "-", known ? 50.0 * (f->high_s - f->low_s) / f->median_s : 0.0);
        cell_rate(table, f->flops, known ? f->median_s : 0.0);
        cell_rate(table, f->bytes, known ? f->median_s : 0.0);
        nyx_table_cell(table, f->limit_s > 0.0 ? "%.2f" : "-", f->limit_s * 1e6);
        nyx_table_cell(table, "%s", f->limit_s > 0.0 ? f->limited_by : "-");
        nyx_table_cell(table, known && f->limit_s > 0.0 ? "%.1f %%" : "-",
                       known ? 100.0 * f->limit_s / f->median_s : 0.0);
        nyx_table_cell(table, f->yardstick_s > 0.0 ? "%.2f" : "-", f->yardstick_s * 1e6);
        nyx_table_cell(table, known && f->memory_bytes > 0 ? "%.1f" : "-", (double)f->memory_bytes / 1048576.0);
        nyx_table_cell(table, known && f->energy_j > 0.0 ? "%.3f" : "-", f->energy_j * 1e3);
        if (has_host(bench))
            cells_host(table, f);
    }
    nyx_table_print(table);
    print_tuned(bench);
    print_limits(bench);
}
