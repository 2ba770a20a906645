/* machine: facts and sensors of machines that are built out of files. */
#include "device/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];

/* Write a file below the root, its folders too. */
static void put(const char *path, const char *text)
{
    char  full[512];
    FILE *f;

    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int fresh_root(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/nyx-test-machine-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void put_processor(void)
{
    put("/proc/cpuinfo", "processor\t: 0\nmodel name\t: A Chip\nflags\t\t: fpu avx2 fma avx512f_not avx512_vnni\n\n"
                         "processor\t: 1\nmodel name\t: A Chip\nflags\t\t: fpu avx2 fma\n\n");
    put("/proc/meminfo", "MemTotal:       1000000 kB\nMemFree: 5 kB\nMemAvailable:    800000 kB\n");
    put("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0-1\n");
    put("/sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "0-1\n");
    put("/sys/devices/system/cpu/cpu0/cache/index0/size", "48K\n");
    put("/sys/devices/system/cpu/cpu0/cache/index0/type", "Data\n");
    put("/sys/devices/system/cpu/cpu0/cache/index0/level", "1\n");
    put("/sys/devices/system/cpu/cpu0/cache/index0/shared_cpu_list", "0-1\n");
    put("/sys/devices/system/cpu/cpu0/cache/index1/size", "8M\n");
    put("/sys/devices/system/cpu/cpu0/cache/index1/type", "Unified\n");
    put("/sys/devices/system/cpu/cpu0/cache/index1/level", "3\n");
    put("/sys/devices/system/cpu/cpu0/cache/index1/shared_cpu_list", "0,1\n");
}

static void a_processor_is_read(void **state)
{
    nyx_machine m;

    (void)state;
    put_processor();
    nyx_machine_probe(&m, root);
    assert_string_equal(m.processor, "A Chip");
    assert_string_equal(m.isa, "avx2 fma avx512_vnni");
    assert_int_equal(m.processors, 2);
    assert_int_equal(m.cores, 1);
    assert_int_equal(m.cache_count, 2);
    assert_int_equal(m.caches[0].bytes, 48 << 10);
    assert_int_equal(m.caches[0].kind, 'd');
    assert_int_equal(m.caches[0].shared_by, 2);
    assert_int_equal(m.caches[1].bytes, 8 << 20);
    assert_int_equal(m.caches[1].level, 3);
    assert_int_equal(m.caches[1].shared_by, 2);
    assert_int_equal(m.memory, INT64_C(1000000) * 1024);
    assert_int_equal(m.limit, -1);
    assert_int_equal(nyx_machine_available(&m), INT64_C(800000) * 1024);
    assert_true(m.quota < 0.0);
}

/* The tightest of a group and those around it; pages of files can be dropped. */
static void limits_of_control_groups_count(void **state)
{
    nyx_machine m;

    (void)state;
    put_processor();
    put("/proc/self/cgroup", "0::/outer/inner\n");
    put("/sys/fs/cgroup/outer/inner/memory.max", "max\n");
    put("/sys/fs/cgroup/outer/memory.max", "300000000\n");
    put("/sys/fs/cgroup/outer/memory.current", "120000000\n");
    put("/sys/fs/cgroup/outer/memory.stat", "anon 5\ninactive_file 20000000\nactive_file 3\n");
    put("/sys/fs/cgroup/outer/cpu.max", "150000 100000\n");
    nyx_machine_probe(&m, root);
    assert_int_equal(m.limit, 300000000);
    assert_int_equal(nyx_machine_available(&m), 200000000);
    assert_true(m.quota == 1.5);
    put("/proc/self/cgroup", "4:memory:/job\n1:cpu:/job\n");
    put("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "200000000\n");
    put("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "50000000\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "50000\n");
    put("/sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
    nyx_machine_probe(&m, root);
    assert_int_equal(m.limit, 200000000);
    assert_int_equal(nyx_machine_available(&m), 150000000);
    assert_true(m.quota == 0.5);
}

static void nothing_to_read_is_no_error(void **state)
{
    nyx_machine  m;
    nyx_sensors *sensors;

    (void)state;
    nyx_machine_probe(&m, root);
    assert_true(m.processors >= 1);
    assert_int_equal(m.memory, -1);
    assert_int_equal(nyx_machine_available(&m), -1);
    assert_int_equal(nyx_sensors_open(&sensors, root), 0);
    assert_int_equal(nyx_sensors_count(sensors), 0);
    for (int i = 0; nyx_sensor_sources[i]; i++)
        assert_non_null(nyx_sensors_reason(sensors, nyx_sensor_sources[i]));
    assert_true(nyx_sensors_joules(sensors) < 0.0);
    nyx_sensors_close(sensors);
}

static const nyx_sensor *sensor(const nyx_sensors *sensors, const char *device, const char *label)
{
    for (int i = 0; i < nyx_sensors_count(sensors); i++)
        if (!strcmp(nyx_sensors_at(sensors, i)->device, device) && !strcmp(nyx_sensors_at(sensors, i)->label, label))
            return nyx_sensors_at(sensors, i);
    fail_msg("no sensor %s %s", device, label);
    return NULL;
}

static void put_sensors(int round)
{
    char text[160];

    put("/sys/class/hwmon/hwmon0/name", "coretemp\n");
    put("/sys/class/hwmon/hwmon0/temp1_label", "Package id 0\n");
    snprintf(text, sizeof text, "%d\n", 45000 + 1000 * round);
    put("/sys/class/hwmon/hwmon0/temp1_input", text);
    put("/sys/class/hwmon/hwmon0/temp2_input", "50000\n"); /* frozen */
    put("/sys/class/hwmon/hwmon1/name", "amdgpu\n");
    put("/sys/class/hwmon/hwmon1/power1_average", "-1000000\n"); /* negative */
    put("/sys/class/hwmon/hwmon1/temp1_input", "40000\n"); /* not ours to move */
    put("/sys/class/drm/card0/device/gpu_busy_percent", "130\n");
    snprintf(text, sizeof text, "%d\n", round == 2 ? 500000 : 9000000 + 1000000 * round); /* wraps at 12 J */
    put("/sys/class/powercap/intel-rapl:0/energy_uj", text);
    put("/sys/class/powercap/intel-rapl:0/name", "package-0\n");
    put("/sys/class/powercap/intel-rapl:0/max_energy_range_uj", "12000000\n");
    put("/sys/class/powercap/intel-rapl-mmio:0/energy_uj", text); /* the same package by another way */
    put("/sys/class/powercap/intel-rapl-mmio:0/name", "package-0\n");
    put("/sys/class/powercap/intel-rapl-mmio:0/max_energy_range_uj", "12000000\n");
    snprintf(text, sizeof text, "%d\n", 1000 + 2 * round); /* asleep all the time, in whole milliseconds */
    put("/sys/class/drm/card0/gt/gt0/rc6_residency_ms", text);
    snprintf(text, sizeof text, "%d\n", 1000 + 1000000 * round); /* longer than there was time */
    put("/sys/class/drm/card1/gt/gt0/rc6_residency_ms", text);
    snprintf(text, sizeof text, "cpu  %d 0 0 %d 0 0 0 0 0 0\ncpu0 1 2\n", 100 + 75 * round, 100 + 25 * round);
    put("/proc/stat", text);
}

static void sensors_that_lie_are_told(void **state)
{
    nyx_sensors *sensors;

    (void)state;
    put_sensors(0);
    assert_int_equal(nyx_sensors_open(&sensors, root), 0);
    for (int round = 1; round < 4; round++) {
        put_sensors(round > 2 ? 2 : round);
        nyx_sensors_read(sensors);
    }
    nyx_sensors_judge(sensors, true);
    assert_string_equal(sensor(sensors, "coretemp", "Package id 0")->reason, "");
    assert_true(sensor(sensors, "coretemp", "Package id 0")->last == 47.0);
    assert_non_null(strstr(sensor(sensors, "coretemp", "temp2_input")->reason, "it is frozen: 4 readings"));
    assert_non_null(strstr(sensor(sensors, "amdgpu", "power1_average")->reason, "it lies: -1 W"));
    assert_string_equal(sensor(sensors, "amdgpu", "temp1_input")->reason, "");
    assert_non_null(strstr(sensor(sensors, "card0", "amdgpu busy")->reason, "it lies: 130 %"));
    assert_string_equal(sensor(sensors, "card0", "i915 awake")->reason, "");
    assert_true(sensor(sensors, "card0", "i915 awake")->lowest >= 0.0);
    assert_non_null(strstr(sensor(sensors, "card1", "i915 awake")->reason, "it lies: -"));
    assert_string_equal(sensor(sensors, "package-0", "energy")->reason, "");
    assert_true(nyx_sensors_joules(sensors) > 3.499 && nyx_sensors_joules(sensors) < 3.501); /* 9, 10, 0.5 of 12 */
    assert_true(sensor(sensors, "processors", "busy")->highest == 75.0);
    nyx_sensors_judge(sensors, false);
    assert_string_equal(sensor(sensors, "coretemp", "temp2_input")->reason, "");
    assert_null(nyx_sensors_reason(sensors, "hwmon"));
    assert_non_null(nyx_sensors_reason(sensors, "nvml"));
    nyx_sensors_close(sensors);
}

static void without_a_loader_there_is_a_reason(void **state)
{
    nyx_vulkan *vulkan = calloc(1, sizeof *vulkan);

    (void)state;
    assert_non_null(vulkan);
    nyx_vulkan_probe(vulkan, "/nonexistent/libvulkan.so.1", true);
    assert_int_equal(vulkan->count, 0);
    assert_true(vulkan->reason[0]);
    free(vulkan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_processor_is_read, fresh_root, remove_root),
        cmocka_unit_test_setup_teardown(limits_of_control_groups_count, fresh_root, remove_root),
        cmocka_unit_test_setup_teardown(nothing_to_read_is_no_error, fresh_root, remove_root),
        cmocka_unit_test_setup_teardown(sensors_that_lie_are_told, fresh_root, remove_root),
        cmocka_unit_test(without_a_loader_there_is_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
