"""Libraries of GPU drivers that report what environment variables say, for detectors and for real plugins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from helpers.programs import run

# Each function fails in its n-th call if FAKE_FAIL is its name, n and the code that it returns.
_COMMON = r"""
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int calls, wanted, code;
static char failing[80];

static void start(void) {
    const char *text = getenv("FAKE_FAIL");
    calls = wanted = 0;
    if (text) sscanf(text, "%79s %d %d", failing, &wanted, &code);
}

static int fails(const char *name) {
    return wanted && strcmp(name, failing) == 0 && ++calls == wanted ? code : 0;
}

#define FAILING if (fails(__func__)) return code

/* The start of the given part of a text, from 0 on; NULL if it has fewer. */
static const char *part(const char *text, char separator, unsigned number) {
    for (text = text && *text ? text : NULL; text && number; number--) {
        text = strchr(text, separator);
        text = text ? text + 1 : NULL;
    }
    return text;
}

static unsigned parts(const char *text, char separator) {
    unsigned count = 0;
    while (part(text, separator, count)) count++;
    return count;
}
"""

# FAKE_NVML: the number of the CUDA version, and the compute capabilities. "lost" has no handle, "odd" none.
_NVML = r"""
int nvmlInit_v2(void) { start(); FAILING; return 0; }
int nvmlInitWithFlags(unsigned flags) { start(); FAILING; return 0; }
int nvmlShutdown(void) { FAILING; return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { FAILING; strcpy(text, "570.0"); return 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) {
    FAILING; *version = atoi(getenv("FAKE_NVML")); return 0;
}
int nvmlSystemGetCudaDriverVersion(int *version) {
    FAILING; *version = atoi(getenv("FAKE_NVML")); return 0;
}
int nvmlDeviceGetCount_v2(unsigned *count) {
    FAILING; *count = parts(getenv("FAKE_NVML"), ' ') - 1; return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    FAILING;
    *device = (void *)(0x7fff00000000UL + index);
    return strncmp(part(getenv("FAKE_NVML"), ' ', index + 1), "lost", 4) ? 0 : 15;
}
int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) {
    unsigned index = (unsigned)((unsigned long)device - 0x7fff00000000UL);
    FAILING;
    return sscanf(part(getenv("FAKE_NVML"), ' ', index + 1), "%d.%d", major, minor) == 2 ? 0 : 3;
}
"""

# FAKE_CUDA: as FAKE_NVML.
_CUDA = r"""
int cuInit(unsigned flags) { start(); FAILING; return 0; }
int cuDriverGetVersion(int *version) { FAILING; *version = atoi(getenv("FAKE_CUDA")); return 0; }
int cuDeviceGetCount(int *count) { FAILING; *count = parts(getenv("FAKE_CUDA"), ' ') - 1; return 0; }
int cuDeviceGet(int *device, int index) { FAILING; *device = index + 7; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    int numbers[2];
    FAILING;
    if (sscanf(part(getenv("FAKE_CUDA"), ' ', device - 6), "%d.%d", numbers, numbers + 1) != 2) return 101;
    *value = numbers[attribute - 75];
    return 0;
}
"""

# FAKE_ZE: drivers, separated by "/", of devices, separated by spaces: PCI vendor and number of the device IP.
_LEVEL_ZERO = r"""
struct extension { uint32_t type; void *next; uint32_t number; };
struct properties {
    uint32_t type; struct extension *next; uint32_t device_type, vendor, device, others[5]; char rest[320];
};

static unsigned devices(uintptr_t driver) {
    const char *text = part(getenv("FAKE_ZE"), '/', driver - 1);
    size_t length = strcspn(text, "/");
    unsigned count = length > 0;
    for (size_t index = 0; index < length; index++) count += text[index] == ' ';
    return count;
}
static void fill(uint32_t *count, uintptr_t *handles, unsigned all, uintptr_t first) {
    if (!handles) *count = all;
    else for (unsigned index = 0; index < *count && index < all; index++) handles[index] = first + index;
}
static int drivers(const char *name, uint32_t *count, uintptr_t *handles) {
    if (fails(name)) return code;
    fill(count, handles, parts(getenv("FAKE_ZE"), '/'), 1);
    return 0;
}
#ifdef OLD
int zeInit(uint32_t flags) { start(); FAILING; return flags == 1 ? 0 : 0x78000004; }
int zeDriverGet(uint32_t *count, uintptr_t *handles) { return drivers(__func__, count, handles); }
#else
int zeInitDrivers(uint32_t *count, uintptr_t *handles, struct extension *description) {
    if (!handles) start();
    if (description->type != 0x20021 || description->number != 1) return 0x78000004;
    return drivers(__func__, count, handles);
}
#endif
int zeDeviceGet(uintptr_t driver, uint32_t *count, uintptr_t *handles) {
    FAILING;
    fill(count, handles, devices(driver), (driver << 16) + 1);
    return 0;
}
int zeDeviceGetProperties(uintptr_t device, struct properties *result) {
    const char *text = part(getenv("FAKE_ZE"), '/', (device >> 16) - 1);
    FAILING;
    if (result->type != 3 || result->next->type != 0x1000f) return 0x78000004;
    if (sscanf(part(text, ' ', (device & 0xffff) - 1), "%x:%x", &result->vendor, &result->next->number) != 2)
        return 0x78000001;
    return 0;
}
"""

SOURCES: Mapping[str, str] = {
    "libnvidia-ml.so.1": _COMMON + _NVML,
    "libcuda.so.1": _COMMON + _CUDA,
    "libze_loader.so.1": _COMMON + _LEVEL_ZERO,
}
OLD_LEVEL_ZERO = "#define OLD\n" + SOURCES["libze_loader.so.1"]


def build_library(folder: Path, name: str, source: str = "") -> Path:
    """Compile a library of `SOURCES`, or another *source*; raises if there is no C compiler."""
    file = folder / f"{name}.c"
    file.write_text(source or SOURCES[name])
    run("cc", "-shared", "-fPIC", "-O0", "-o", folder / name, file)
    return folder / name
