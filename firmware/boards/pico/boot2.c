/* boot2.c: the second stage of the RP2040's boot: 252 bytes of code and their CRC-32, which the boot ROM checks
 * before it runs them from RAM. It lets the flash be read in place by the slow read command that every flash
 * chip knows (03h), and goes on at the vectors behind it.
 * Source: RP2040 Datasheet, "Boot Sequence", "Flash Second Stage", "SSI"; Armv6-M Architecture Reference Manual.
 * Every instruction has one 16-bit encoding, so that each assembler makes the bytes that the CRC is of. */
#include <stdint.h>

void hv_boot2(void);

/* The boot ROM's CRC-32: polynomial 0x04C11DB7, from all ones, most significant bit first, not inverted.
 * A test computes it anew from the linked program. */
#define BOOT2_CRC "0x7E646F60"

__attribute__((naked, section(".boot"), used)) void hv_boot2(void)
{
    __asm__ volatile(".syntax unified\n\t"
                     ".balign 4\n\t"
                     "0:\n\t"
                     "ldr r3, 10f\n\t"
                     "movs r1, #0\n\t"
                     "str r1, [r3, #0x08]\n\t" /* SSIENR: off, to be set up */
                     "movs r1, #4\n\t"
                     "str r1, [r3, #0x14]\n\t" /* BAUDR: a quarter of the system clock */
                     "ldr r1, 11f\n\t"
                     "str r1, [r3, #0x00]\n\t" /* CTRLR0 */
                     "ldr r1, 12f\n\t"
                     "ldr r0, 13f\n\t"
                     "str r1, [r0, #0]\n\t" /* SPI_CTRLR0 */
                     "movs r1, #0\n\t"
                     "str r1, [r3, #0x04]\n\t" /* CTRLR1: one frame at a time */
                     "movs r1, #1\n\t"
                     "str r1, [r3, #0x08]\n\t" /* SSIENR: on */
                     "ldr r0, 14f\n\t"
                     "ldr r1, 15f\n\t"
                     "str r0, [r1, #0]\n\t" /* VTOR */
                     "ldr r1, [r0, #0]\n\t"
                     "msr msp, r1\n\t"
                     "ldr r1, [r0, #4]\n\t"
                     "bx r1\n\t"
                     ".balign 4\n\t"
                     "10: .word 0x18000000\n\t" /* the SSI */
                     "11: .word 0x001F0300\n\t" /* frames of 32 bits, standard SPI, read after an address */
                     "12: .word 0x03000218\n\t" /* command 03h, 8 bits of it, 24 of address, no waiting */
                     "13: .word 0x180000F4\n\t"
                     "14: .word 0x10000100\n\t" /* the vectors */
                     "15: .word 0xE000ED08\n\t"
                     ".space 252 - (. - 0b)\n\t"
                     ".word " BOOT2_CRC);
}
