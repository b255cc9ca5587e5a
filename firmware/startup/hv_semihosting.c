/* hv_semihosting.c: the semihosting calls the applications use, and no others. */
#include "hv_semihosting.h"

#include <string.h>

#include "hv_core.h"

/* Operation numbers and modes as Arm's semihosting specification names them. */
#define SYS_OPEN 0x01u
#define SYS_CLOSE 0x02u
#define SYS_WRITE 0x05u
#define SYS_READ 0x06u
#define SYS_FLEN 0x0Cu
#define SYS_EXIT_EXTENDED 0x20u
#define MODE_READ_BINARY 1u /* fopen's "rb" */
#define MODE_WRITE_BINARY 5u /* fopen's "wb" */
#define ADP_STOPPED_APPLICATION_EXIT 0x20026u

static uint32_t address_of(const void *pointer)
{
    return (uint32_t)(uintptr_t)pointer;
}

static hv_file_t open_file(const char *path, uint32_t mode)
{
    const uint32_t arguments[3] = {address_of(path), mode, (uint32_t)strlen(path)};
    return hv_core_call_host(SYS_OPEN, arguments);
}

hv_file_t hv_file_open_to_read(const char *path)
{
    return open_file(path, MODE_READ_BINARY);
}

hv_file_t hv_file_open_to_write(const char *path)
{
    return open_file(path, MODE_WRITE_BINARY);
}

int32_t hv_file_length_bytes(hv_file_t file)
{
    const uint32_t arguments[1] = {(uint32_t)file};
    return hv_core_call_host(SYS_FLEN, arguments);
}

/* SYS_READ and SYS_WRITE answer how many bytes were left over. */
bool hv_file_read(hv_file_t file, void *bytes, uint32_t size_bytes)
{
    const uint32_t arguments[3] = {(uint32_t)file, address_of(bytes), size_bytes};
    return hv_core_call_host(SYS_READ, arguments) == 0;
}

bool hv_file_write(hv_file_t file, const void *bytes, uint32_t size_bytes)
{
    const uint32_t arguments[3] = {(uint32_t)file, address_of(bytes), size_bytes};
    return hv_core_call_host(SYS_WRITE, arguments) == 0;
}

void hv_file_close(hv_file_t file)
{
    const uint32_t arguments[1] = {(uint32_t)file};
    (void)hv_core_call_host(SYS_CLOSE, arguments);
}

_Noreturn void hv_exit(uint32_t exit_code)
{
    const uint32_t arguments[2] = {ADP_STOPPED_APPLICATION_EXIT, exit_code};
    (void)hv_core_call_host(SYS_EXIT_EXTENDED, arguments);
    for (;;) {
        /* a debugger that ignores the exit leaves us here */
    }
}
