/* hv_semihosting.h: files and exit codes through the debugger or emulator.
 * Source: Arm, "Semihosting for AArch32 and AArch64" (ARM-software/abi-aa, semihosting.rst). */
#ifndef HV_SEMIHOSTING_H
#define HV_SEMIHOSTING_H

#include <stdbool.h>
#include <stdint.h>

/* An open file of the host; negative: the file could not be opened. */
typedef int32_t hv_file_t;

hv_file_t hv_file_open_to_read(const char *path);
hv_file_t hv_file_open_to_write(const char *path);

/* The file's length, or a negative number when the host cannot tell. */
int32_t hv_file_length_bytes(hv_file_t file);

/* True when all the bytes were transferred. */
bool hv_file_read(hv_file_t file, void *bytes, uint32_t size_bytes);
bool hv_file_write(hv_file_t file, const void *bytes, uint32_t size_bytes);

void hv_file_close(hv_file_t file);

/* Ends the program; never returns. */
_Noreturn void hv_exit(uint32_t exit_code);

#endif
