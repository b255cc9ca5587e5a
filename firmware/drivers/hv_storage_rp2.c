/* hv_storage_rp2.c: people in the flash beside an RP2040 or RP2350, by the functions of the boot ROM.
 *
 * From hv_rom_t.connect on until the registers are as they were, that flash cannot be read: perform() lies in RAM, uses nothing
 * that does not, and no interrupt may come. The flash chip itself has no ECC: what a page is padded with leaves bits as
 * they are. It has no flags for errors that the ROM would pass on: so what was written is read.
 * The ROM waits until the flash chip is ready, however long that takes: only a watchdog ends it. A sector is erased in
 * 400 ms at most, a page programmed in 3 ms.
 * Reading works afterwards as before because each read has its command: neither boot2.c nor the RP2350's ROM begins
 * what the flash chips call continuous read.
 * Source: RP2040 Datasheet, "Bootrom Contents", "Flash Access Functions", "SSI"; RP2350 Datasheet, 5.4 "Bootrom APIs" and
 * 12.14 "QSPI memory interface (QMI)"; both ROMs' published sources; times: Winbond W25Q16JV, "AC Electrical
 * Characteristics". */
#include "hv_register.h"
#include "hv_storage_blocks.h"

#define FLASH_ORIGIN 0x10000000u
#define PAGE_BYTES 256u
#define WRITE_BYTES 4u
#define SECTOR_BYTES 0x1000u
#define ERASE_SECTOR 0x20u /* the flash chip's command */

#define CODE(first, second) ((uint32_t)(first) | ((uint32_t)(second) << 8))
#define CODE_CONNECT CODE('I', 'F')
#define CODE_EXIT_XIP CODE('E', 'X')
#define CODE_FLUSH CODE('F', 'C')
#define CODE_ERASE CODE('R', 'E')
#define CODE_PROGRAM CODE('R', 'P')

_Static_assert(HV_STORAGE_BLOCK_BYTES == SECTOR_BYTES, "a block is a sector of the flash chip");

/* What the ROM changes of how flash is read. */
#if defined(__ARM_ARCH) && (__ARM_ARCH >= 8) /* the RP2350 */
typedef struct {
    uint32_t timing;
    uint32_t format;
    uint32_t command;
} hv_reading_t;

#define READ_TIMING HV_REGISTER(0x400D000Cu)
#define READ_FORMAT HV_REGISTER(0x400D0010u)
#define READ_COMMAND HV_REGISTER(0x400D0014u)
#define TRANSLATION HV_REGISTER(0x400D0034u) /* of the first 4 MiB */
#define TRANSLATION_BASE 0xFFFu

#define COPROCESSORS HV_REGISTER(0xE000ED88u) /* CPACR */
#define COPROCESSOR_7 (3u << 14)              /* the ROM checks itself by it */

_Static_assert((HV_STORAGE_BASE + ((HV_STORAGE_JOURNAL_BLOCKS + HV_STORAGE_DATA_BLOCKS) * SECTOR_BYTES)) <= 0x10400000u,
               "people lie in what TRANSLATION is of");
#else
typedef struct {
    uint32_t divisor;
    uint32_t control_0;
    uint32_t control_1;
    uint32_t command;
} hv_reading_t;

#define READ_CONTROL_0 HV_REGISTER(0x18000000u)
#define READ_CONTROL_1 HV_REGISTER(0x18000004u)
#define READ_ENABLE HV_REGISTER(0x18000008u)
#define READ_DIVISOR HV_REGISTER(0x18000014u)
#define READ_COMMAND HV_REGISTER(0x180000F4u)
#endif

/* Functions of the ROM, by their addresses, and the arguments of the one that does something. */
typedef struct {
    uint32_t connect;
    uint32_t exit_xip;
    uint32_t operation;
    uint32_t flush;
    uint32_t arguments[4];
} hv_rom_t;

static hv_storage_blocks_t journal_region = {HV_STORAGE_JOURNAL_BASE, HV_STORAGE_JOURNAL_BLOCKS};
static hv_storage_blocks_t data_region = {HV_STORAGE_DATA_BASE, HV_STORAGE_DATA_BLOCKS};

static uint8_t page[PAGE_BYTES];
/* The ROM's calls go about six deep. No frame of theirs is in the proved bound of our stack: so they have their own. */
static _Alignas(8) uint8_t rom_stack[512];

/* In assembly, for to the proof of the stack a call through a pointer is one of ours. */
static inline __attribute__((always_inline)) uint32_t call_rom(uint32_t function, uint32_t first, uint32_t second, uint32_t third, uint32_t fourth)
{
    register uint32_t r0 __asm__("r0") = first;
    register uint32_t r1 __asm__("r1") = second;
    register uint32_t r2 __asm__("r2") = third;
    register uint32_t r3 __asm__("r3") = fourth;
    __asm__ volatile("mov r4, sp\n\t"
                     "mov sp, %[top]\n\t"
                     "blx %[function]\n\t"
                     "mov sp, r4"
                     : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)
                     : [top] "r"(&rom_stack[sizeof rom_stack]), [function] "r"(function)
                     : "r4", "r12", "lr", "cc", "memory");
    return r0;
}

#if defined(__ARM_ARCH) && (__ARM_ARCH >= 8)
static inline __attribute__((always_inline)) hv_reading_t how_it_is_read(void)
{
    const hv_reading_t reading = {READ_TIMING, READ_FORMAT, READ_COMMAND};
    return reading;
}

static inline __attribute__((always_inline)) void read_as(const hv_reading_t *reading)
{
    READ_TIMING = reading->timing;
    READ_FORMAT = reading->format;
    READ_COMMAND = reading->command;
}

/* Whether addresses are offsets in the flash chip: not where a partition table has moved this program. */
static bool is_ready(void)
{
    COPROCESSORS |= COPROCESSOR_7;
    __asm__ volatile("dsb\n\tisb" ::
                         : "memory");
    return (TRANSLATION & TRANSLATION_BASE) == 0u;
}
#else
static inline __attribute__((always_inline)) hv_reading_t how_it_is_read(void)
{
    const hv_reading_t reading = {READ_DIVISOR, READ_CONTROL_0, READ_CONTROL_1, READ_COMMAND};
    return reading;
}

/* Its registers can be written only while it is off. */
static inline __attribute__((always_inline)) void read_as(const hv_reading_t *reading)
{
    READ_ENABLE = 0u;
    READ_DIVISOR = reading->divisor;
    READ_CONTROL_0 = reading->control_0;
    READ_CONTROL_1 = reading->control_1;
    READ_COMMAND = reading->command;
    READ_ENABLE = 1u;
}

static bool is_ready(void)
{
    return true;
}
#endif

/* The flush also gives the flash chip's select line back to the controller (RP2040). */
static __attribute__((section(".ramcode"), noinline)) void perform(const hv_rom_t *rom)
{
    uint32_t masked;
    __asm__ volatile("mrs %0, primask\n\tcpsid i"
                     : "=r"(masked)::"memory");
    const hv_reading_t reading = how_it_is_read();
    (void)call_rom(rom->connect, 0u, 0u, 0u, 0u);
    (void)call_rom(rom->exit_xip, 0u, 0u, 0u, 0u);
    (void)call_rom(rom->operation, rom->arguments[0], rom->arguments[1], rom->arguments[2], rom->arguments[3]);
    (void)call_rom(rom->flush, 0u, 0u, 0u, 0u);
    read_as(&reading);
    __asm__ volatile("dsb\n\tisb\n\tmsr primask, %0" ::"r"(masked)
                     : "memory");
}

/* A pointer of 16 bits at the start of the ROM. The compiler must not see that it is near the null pointer. */
static uint32_t rom_pointer(uint32_t address)
{
    __asm__ volatile(""
                     : "+r"(address));
    return *(const volatile uint16_t *)address;
}

/* The address of a function of the ROM; 0 if there is none. */
static uint32_t find(uint32_t code)
{
#if defined(__ARM_ARCH) && (__ARM_ARCH >= 8)
    const uint32_t for_secure_arm = 4u;
    return call_rom(rom_pointer(0x16u), code, for_secure_arm, 0u, 0u);
#else
    return call_rom(rom_pointer(0x18u), rom_pointer(0x14u), code, 0u, 0u);
#endif
}

static bool can_begin(hv_rom_t *rom, uint32_t operation)
{
    if (!is_ready()) {
        return false;
    }
    rom->connect = find(CODE_CONNECT);
    rom->exit_xip = find(CODE_EXIT_XIP);
    rom->operation = find(operation);
    rom->flush = find(CODE_FLUSH);
    return (rom->connect != 0u) && (rom->exit_xip != 0u) && (rom->operation != 0u) && (rom->flush != 0u);
}

/* Bytes that lie in one page. */
static bool has_programmed(hv_rom_t *rom, uint32_t address, const uint8_t bytes[], uint32_t size_bytes)
{
    const uint32_t first = address % PAGE_BYTES;
    for (uint32_t i = 0u; i < PAGE_BYTES; i++) {
        page[i] = HV_FLASH_ERASED;
    }
    for (uint32_t i = 0u; i < size_bytes; i++) {
        page[first + i] = bytes[i];
    }
    rom->arguments[0] = (address - first) - FLASH_ORIGIN;
    rom->arguments[1] = (uint32_t)page;
    rom->arguments[2] = PAGE_BYTES;
    rom->arguments[3] = 0u;
    hv_board_kick();
    perform(rom);
    const volatile uint32_t *const words = (const volatile uint32_t *)address;
    bool good = true;
    for (uint32_t i = 0u; (i < size_bytes) && good; i += WRITE_BYTES) {
        good = words[i / WRITE_BYTES] == hv_storage_word(&bytes[i]);
    }
    return good;
}

static hv_status_t program(void *context, uint32_t offset_bytes, const uint8_t bytes[], uint32_t size_bytes)
{
    const hv_storage_blocks_t *const region = context;
    hv_rom_t rom;
    if (!hv_storage_has(region, offset_bytes, size_bytes, WRITE_BYTES) || !can_begin(&rom, CODE_PROGRAM)) {
        return HV_ERROR_FLASH;
    }
    bool good = true;
    uint32_t done = 0u;
    while ((done < size_bytes) && good) {
        const uint32_t address = region->base + offset_bytes + done;
        const uint32_t room = PAGE_BYTES - (address % PAGE_BYTES);
        const uint32_t left = size_bytes - done;
        const uint32_t part = (left < room) ? left : room;
        good = has_programmed(&rom, address, &bytes[done], part);
        done += part;
    }
    return good ? HV_OK : HV_ERROR_FLASH;
}

static hv_status_t erase(void *context, uint32_t block)
{
    const hv_storage_blocks_t *const region = context;
    hv_rom_t rom;
    if ((block >= region->blocks) || !can_begin(&rom, CODE_ERASE)) {
        return HV_ERROR_FLASH;
    }
    const uint32_t address = region->base + (block * SECTOR_BYTES);
    rom.arguments[0] = address - FLASH_ORIGIN;
    rom.arguments[1] = SECTOR_BYTES;
    rom.arguments[2] = SECTOR_BYTES;
    rom.arguments[3] = ERASE_SECTOR;
    hv_board_kick();
    perform(&rom);
    hv_board_kick();
    return hv_storage_is_blank(address) ? HV_OK : HV_ERROR_FLASH;
}

hv_flash_t hv_storage_journal(void)
{
    return hv_storage_flash(&journal_region, WRITE_BYTES, program, erase);
}

hv_flash_t hv_storage_data(void)
{
    return hv_storage_flash(&data_region, WRITE_BYTES, program, erase);
}
